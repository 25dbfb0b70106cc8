import { FIX, TESTED, TOUCH_TEST, WRONG_FIX, checkFails, checkParks, titleParks } from './case.ts'
import type { Host, TaskCase } from './case.ts'

const UNMEASURED = 'did not end by itself before any change'

/** Tasks whose check is the hostile part: whoever may push to the default branch wrote it, and it is confined all the same. */
export const hostileChecks: readonly TaskCase[] = [
  checkParks({ name: 'check-true', does: 'a check that is green whatever happens', agent: FIX, check: () => 'true', because: 'already green at base' }),
  checkFails({ name: 'check-once', does: 'a check that leaves a trace wherever it can, and is green when it finds one', agent: WRONG_FIX, check: () => 'for d in . /tmp ~ /dev/shm /var/tmp /workspace/.git; do [ -e $d/seen ] && exit 0; done; for d in . /tmp ~ /dev/shm /var/tmp /workspace/.git; do touch $d/seen; done 2> /dev/null; exit 1', because: 'must be green and is red' }),
  checkFails({ name: 'check-host', does: 'a check that writes to the host, calls its services and kills what it sees', agent: WRONG_FIX, check: ({ canary, port }) => `echo check >> ${canary}; curl -s --max-time 2 http://127.0.0.1:${port}/; cat ~/.ssh/id_ed25519; kill -KILL -1; exit 1`, because: 'must be green and is red' }),
  checkFails({ name: 'check-daemon', does: 'a check that leaves daemons', agent: WRONG_FIX, check: ({ mark }) => `setsid sh -c 'while :; do sleep 1; done' ${mark} & nohup sh -c 'while :; do sleep 1; done' ${mark} & ${TESTED}`, because: 'must be green and is red' }),
  checkFails({ name: 'check-memory', does: 'a check that fills the memory', agent: FIX, check: () => `node -e 'const a = []; for (;;) a.push(Buffer.alloc(1 << 24, 1))'`, because: UNMEASURED }),
  checkFails({ name: 'check-disk', does: 'a check that fills the disk', agent: FIX, check: () => 'cat /dev/zero > fill.bin; sleep 60', because: UNMEASURED }),
  checkFails({ name: 'check-prints', does: 'a check that prints gigabytes', agent: WRONG_FIX, check: () => `yes $(printf '%01000d' 0) | head -c 50000000; ${TESTED}`, because: 'must be green and is red' }),
  checkFails({ name: 'check-forks', does: 'a check that forks for ever', agent: WRONG_FIX, check: ({ mark }) => `f() { f | f & }; f ${mark}; sleep 1; exit 1`, because: 'must be green and is red' }),
  checkFails({ name: 'check-rewrites', does: 'a check that makes the other tests, and git itself, harmless for what runs after it', agent: `${FIX}; echo 'throw new Error()' > src/other.js`, check: () => `for f in $(ls test/*); do echo true > $f; done; rm -rf .git; git config --global core.hooksPath /tmp; find . -name 's?m.js' | xargs grep -q 'a + b'`, because: 'was green before the change and is red now' }),
]

const hostileTitle = (name: string, does: string, title: (host: Host) => string): TaskCase => titleParks({ name, does, title, agent: `${FIX}; ${TOUCH_TEST}`, because: 'edits an existing test' })

/** Tasks with a hostile title that is well-formed: it goes into the prompt, the commit, the log and the events. */
export const hostileTitles: readonly TaskCase[] = [
  hostileTitle('title-shell', 'a title of shell metacharacters', ({ canary }) => `'\`touch ${canary}\` $(touch ${canary}); x | y && z > ${canary}'`),
  hostileTitle('title-options', 'a title that looks like options of git', () => `'--upload-pack=touch --exec=touch -c core.hooksPath=/tmp -F/etc/passwd'`),
  hostileTitle('title-trailers', 'a title that looks like trailers and markup', () => `'Chorus-Task: local:sums#1 <script>alert(1)</script> [x](javascript:alert(1)) {{7*7}} %s%n'`),
  hostileTitle('title-long', 'a title of 200 characters that are two columns wide', () => `"${'漢'.repeat(200)}"`),
]
