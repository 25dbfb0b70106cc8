import { expect, test } from 'vitest'
import { parseRemote } from './remote.ts'

test.each([
  { text: '/srv/git/r.git', path: '/srv/git/r.git', shown: '/srv/git/r.git' },
  { text: 'file:///srv/my%20git/r', path: '/srv/my git/r', shown: '/srv/my git/r' },
  { text: 'https://me:secret@example.org/a/b.git', path: undefined, shown: 'https://example.org/a/b.git' },
  { text: 'ssh://git@example.org:2222/a/b', path: undefined, shown: 'ssh://example.org:2222/a/b' },
  { text: 'git@example.org:a/b.git', path: undefined, shown: 'git@example.org:a/b.git' },
])('parseRemote() knows $text', ({ text, path, shown }) => {
  expect(parseRemote(text)).toEqual({ url: text, path, shown })
})

test.each(['--upload-pack=touch x', 'ext::sh -c "touch x"', 'relative/path', '.', '', 'http://', 'ftp://x/y', 'a\nb:c', 'fd::7', 'file://host/x'])('parseRemote() refuses %j', (text) => {
  expect(() => parseRemote(text)).toThrow(/expected|is an absolute path/)
})
