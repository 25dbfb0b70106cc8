import { RED, WRONG_FIX, fails } from './case.ts'
import type { TaskCase } from './case.ts'

const LATE = 'ran out of time'
const NOTHING = 'the agent changed nothing'
const idle = (mark: string): string => `sh -c 'while :; do sleep 1; done' ${mark}`

/** Agents that take more than they may, or stay. */
export const limitBreakers: readonly TaskCase[] = [
  fails({ name: 'daemon-setsid', does: 'leaves a daemon (`setsid`)', agent: ({ mark }) => `${WRONG_FIX}; setsid ${idle(mark)} > /dev/null 2>&1 < /dev/null &`, because: RED }),
  fails({ name: 'daemon-fork', does: 'leaves a daemon that forked twice and holds its output open', agent: ({ mark }) => `${WRONG_FIX}; (setsid sh -c '(trap "" TERM HUP INT; ${idle(mark).replaceAll("'", '"')}) &' &)`, because: RED }),
  fails({ name: 'daemon-nohup', does: 'leaves a daemon (`nohup`) without its environment', agent: ({ mark }) => `${WRONG_FIX}; env -i nohup ${idle(mark)} > /dev/null 2>&1 &`, because: RED }),
  fails({ name: 'endless', does: 'never ends', agent: ({ mark }) => `${idle(mark)}`, because: LATE }),
  fails({ name: 'endless-deaf', does: 'never ends and ignores every signal that it can', agent: ({ mark }) => `trap '' TERM HUP INT QUIT USR1 USR2; sh -c 'trap "" TERM HUP INT; while :; do :; done' ${mark}`, because: LATE }),
  fails({ name: 'stopped', does: 'stops itself', agent: 'kill -STOP $$; sleep 1000', because: LATE }),
  fails({ name: 'prints', does: 'prints without end', agent: 'yes "$(printf \'%01000d\' 0)"', because: LATE }),
  fails({ name: 'prints-errors', does: 'prints 2 GB of escapes for the terminal as its errors, and fails', agent: 'yes "$(printf \'\\033[2J\\033]0;title\\007%0900d\' 0)" | head -c 100000000 >&2; printf \'\\033[31mred\\342\\200\\256\\n\' >&2; exit 3', because: 'the agent ended as failed: exit code 3' }),
  fails({ name: 'fork-bomb', does: 'forks for ever', agent: ({ mark }) => `f() { f | f & }; f ${mark}; sleep 1; while :; do sleep 1 & done`, because: 'Cannot fork' }),
  fails({ name: 'fork-storm', does: 'leaves as many processes as it may', agent: ({ mark }) => `${WRONG_FIX}; i=0; while [ $i -lt 500 ]; do ${idle(mark)} > /dev/null 2>&1 & i=$((i+1)); done 2> /dev/null; exit 0`, because: RED }),
  fails({ name: 'memory', does: 'fills the memory', agent: `node -e 'const a = []; for (;;) a.push(Buffer.alloc(1 << 24, 1))'`, because: 'out of memory' }),
  fails({ name: 'disk', does: 'fills the disk with one file', agent: 'cat /dev/zero > fill.bin', because: 'are taken from a workspace' }),
  fails({ name: 'disk-files', does: 'fills the disk with many files', agent: `i=0; while :; do dd if=/dev/zero of=fill.$i bs=1M count=8 2> /dev/null; i=$((i+1)); done`, because: 'sandbox.disk' }),
  fails({ name: 'tmp-full', does: 'fills `/tmp`, `/dev/shm` and its home', agent: 'for d in /tmp /dev/shm ~; do cat /dev/zero > $d/fill; done 2> /dev/null; true', because: NOTHING }),
  fails({ name: 'processor', does: 'keeps all processors busy and never ends', agent: ({ mark }) => `for i in 1 2 3 4 5 6 7 8; do sh -c 'while :; do :; done' ${mark} & done; wait`, because: LATE }),
  fails({ name: 'crash', does: 'ends by a signal, with a core', agent: 'ulimit -c unlimited; kill -SEGV $$', because: NOTHING }),
]
