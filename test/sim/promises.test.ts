import { expect, it } from 'vitest'
import { CHECKERS } from '../../src/sim/checkers/mod.ts'
import { PLANTS } from '../../src/sim/bite/plants.ts'

/** Written anew with `--update`. */
it('every promise has a bug that breaks it, and both are documented', async () => {
  const checkers = CHECKERS.map((make) => make())
  for (const { name } of checkers) expect(PLANTS.filter(({ checker }) => checker === name), `no bug is planted for ${name}`).not.toHaveLength(0)
  const text = [
    '# What a swarm promises, and the bugs that its watchers must catch', '',
    'Made from the checkers (`src/sim/checkers`) and the plants (`src/sim/bite`) by their test. How both are used: [simulation.md](simulation.md).', '',
    '| watched as | promise |', '|---|---|',
    ...checkers.map(({ name, promise }) => `| ${name} | ${promise} |`), '',
    '| planted bug | caught by | in |', '|---|---|---|',
    ...PLANTS.map(({ name, checker, edits }) => `| ${name} | ${checker} | ${[...new Set(edits.map(({ file }) => `\`${file.replace('src/', '')}\``))].join(', ')} |`), '',
  ].join('\n')
  await expect(text).toMatchFileSnapshot('../../docs/simulation-promises.md')
})
