import { describe, expect, test } from 'vitest'
import { ignoreRules } from './ignore-rules.ts'

describe('ignoreRules()', () => {
  test('keeps the root file and roots the patterns of deeper ones', () => {
    expect(ignoreRules([
      { folder: 'a/b', content: 'dist\n/only-here\nx/y\nlogs/\n!keep\n' },
      { folder: '', content: '# comment\nnode_modules/\r\n\n*.log\n!important.log\nspace\\ \ntail   \n' },
    ])).toBe([
      'node_modules/', '*.log', '!important.log', 'space\\ ', 'tail',
      '/a/b/**/dist', '/a/b/only-here', '/a/b/x/y', '/a/b/**/logs/', '!/a/b/**/keep', '',
    ].join('\n'))
  })

  test('a folder with glob characters matches itself only', () => {
    expect(ignoreRules([{ folder: 'a[1]*', content: 'x' }])).toBe('/a\\[1\\]\\*/**/x\n')
  })
})
