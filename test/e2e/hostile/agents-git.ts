import { FIX, RED, TOUCH_TEST, WRONG_FIX, fails, parks } from './case.ts'
import type { Host, TaskCase } from './case.ts'

/** A command line that git would run through a shell. */
const run = ({ canary }: Host, by: string): string => `sh -c 'echo ${by} >> ${canary}'`
const set = (host: Host, ...keys: readonly string[]): string => keys.map((key) => `git config ${key} "${run(host, key)}"`).join('; ')
const HOOKS = 'applypatch-msg pre-commit pre-merge-commit prepare-commit-msg commit-msg post-commit pre-rebase post-checkout post-merge pre-push pre-receive update post-receive post-update reference-transaction push-to-checkout post-index-change fsmonitor-watchman'
const HOOK_FILES = (host: Host, folder: string): string => `mkdir -p ${folder}; for h in ${HOOKS}; do printf '#!/bin/sh\\necho hook >> ${host.canary}\\n' > ${folder}/$h; chmod +x ${folder}/$h; done`
const DRIVERS = (host: Host): string => set(host, 'filter.x.clean', 'filter.x.smudge', 'filter.x.process', 'diff.x.textconv', 'diff.x.command', 'merge.x.driver')

/** Agents that lay traps for whoever runs git in their clone. They also touch a test, so that the node commits, compares and pushes. */
export const gitTraps: readonly TaskCase[] = [
  parks({ name: 'git-fsmonitor', does: '`core.fsmonitor` in its clone', agent: (host) => `${set(host, 'core.fsmonitor')}; ${TOUCH_TEST}`, because: 'edits an existing test' }),
  parks({ name: 'git-hooks', does: 'every hook in `.git/hooks`', agent: (host) => `${HOOK_FILES(host, '.git/hooks')}; ${TOUCH_TEST}`, because: 'edits an existing test' }),
  parks({ name: 'git-hooks-path', does: '`core.hooksPath` to a folder of the work tree', agent: (host) => `${HOOK_FILES(host, 'src/hooks')}; git config core.hooksPath /workspace/src/hooks; git config core.hooksPath src/hooks; ${TOUCH_TEST}`, because: 'edits an existing test' }),
  parks({
    name: 'git-programs', does: '`core.sshCommand`, pager, editor, credential helper, signing, aliases and what else names a program',
    agent: (host) => `${set(host, 'core.sshCommand', 'core.pager', 'core.editor', 'core.gitProxy', 'core.askPass', 'diff.external', 'gpg.program', 'sequence.editor', 'uploadpack.packObjectsHook')}; git config credential.helper "!${run(host, 'credential')}"; git config alias.status "!${run(host, 'alias')}"; git config commit.gpgSign true; git config protocol.ext.allow always; git config url."ext::${run(host, 'ext')} ".insteadOf /; ${TOUCH_TEST}`,
    because: 'edits an existing test',
  }),
  parks({ name: 'git-include', does: '`include.path` to a file of the work tree', agent: (host) => `git config -f src/evil.cfg core.fsmonitor "${run(host, 'include')}"; git config include.path ../src/evil.cfg; git config includeIf.gitdir:/.path /workspace/src/evil.cfg; ${TOUCH_TEST}`, because: 'edits an existing test' }),
  parks({ name: 'git-filters', does: 'filters, textconv and merge drivers in `.gitattributes`', agent: (host) => `${FIX}; ${DRIVERS(host)}; echo '* filter=x diff=x merge=x' > .gitattributes`, because: 'changes how git reads files' }),
  parks({ name: 'git-info-attributes', does: 'the same in `.git/info/attributes`, which no commit shows', agent: (host) => `${DRIVERS(host)}; mkdir -p .git/info; echo '* filter=x diff=x merge=x' > .git/info/attributes; ${TOUCH_TEST}`, because: 'edits an existing test' }),
  parks({ name: 'git-info-exclude', does: 'hides a planted program by `.git/info/exclude` and a `.gitignore` of its own', agent: `${FIX}; printf '*.sh\\n.gitignore\\n.npmrc\\n' | tee .gitignore > .git/info/exclude; echo 'script-shell=true' > .npmrc`, because: 'configures a package manager' }),
  parks({ name: 'git-file', does: 'puts a `.git` file in place of its clone that points elsewhere', agent: (host) => `rm -rf .git; git init -q --bare src/own.git; git --git-dir src/own.git config core.fsmonitor "${run(host, 'gitfile')}"; git --git-dir src/own.git config core.bare false; git --git-dir src/own.git config core.worktree /workspace; echo 'gitdir: src/own.git' > .git; ${TOUCH_TEST}`, because: 'edits an existing test' }),
  parks({ name: 'git-link', does: 'puts a symbolic link to the remote in place of `.git`', agent: ({ remote }) => `rm -rf .git; ln -s '${remote}' .git; ${TOUCH_TEST}`, because: 'edits an existing test' }),
  parks({ name: 'git-gone', does: 'deletes `.git`, and leaves a pipe there', agent: `rm -rf .git; mkfifo .git; ${TOUCH_TEST}`, because: 'edits an existing test' }),
  parks({ name: 'git-alternates', does: 'objects of the host by `objects/info/alternates`, refs out of the tree', agent: ({ remote }) => `echo '${remote}/objects' > .git/objects/info/alternates; mkdir -p .git/refs/heads; ln -sf '${remote}/refs/heads/main' .git/refs/heads/theirs; printf 'x' > .git/index; ${TOUCH_TEST}`, because: 'edits an existing test' }),
  parks({ name: 'git-nested', does: 'a repository in the tree, with hooks and programs', agent: (host) => `${FIX}; git init -q src/inner; cd src/inner; ${set(host, 'core.fsmonitor')}; ${HOOK_FILES(host, '.git/hooks')}; git -c user.name=a -c user.email=a@b -c core.fsmonitor=false -c core.hooksPath=/dev/null commit -q --allow-empty -m x`, because: 'is a submodule' }),
  parks({ name: 'git-submodules', does: 'a `.gitmodules` whose address runs a program', agent: (host) => `${FIX}; printf '[submodule "x"]\\n\\tpath = x\\n\\turl = ext::${run(host, 'submodule').replaceAll("'", "\\047")}\\n\\tupdate = !echo module >> ${host.canary}\\n' > .gitmodules`, because: 'changes submodules' }),
  parks({
    name: 'claim-ref', does: 'moves its claim ref and pushes its own result, by every address it knows', loots: true,
    agent: ({ remote, repository, number }) => `${TOUCH_TEST}; { echo looked; for to in '${remote}' 'file://${remote}' '${repository}'; do git push "$to" HEAD:refs/heads/main HEAD:refs/heads/chorus/${number} +HEAD:refs/chorus/claims/${number}-0000000000000000; git ls-remote "$to"; done; } > loot.txt 2>&1; git update-ref refs/chorus/claims/${number}-0000000000000000 HEAD`,
    because: 'edits an existing test',
  }),
  fails({ name: 'git-own-branch', does: 'a wrong change on a branch of its own named as the result, with the trailers of a delivery', agent: ({ number }) => `${WRONG_FIX}; git checkout -q -b chorus/${number}; git commit -q -a -m "done\n\nChorus-Task: local:sums#${number}"; git tag -f v1`, because: RED }),
]
