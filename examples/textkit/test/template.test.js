import assert from 'node:assert/strict'
import { test } from 'node:test'
import { render, renderAsync } from '../src/template.js'

test('render puts values in their places', () => {
  assert.equal(render('Hello {{ user.name }}, {{count}} new', { user: { name: 'Ada' }, count: 0 }), 'Hello Ada, 0 new')
})

test('render leaves out what has no value, inherited properties included', () => {
  assert.equal(render('[{{ a.b.c }}][{{ constructor }}][{{ none }}]', { a: null, none: null }), '[][][]')
})

test('render applies filters and refuses unknown ones', () => {
  assert.equal(render('{{ name | upper }}', { name: 'ada' }, { upper: (text) => text.toUpperCase() }), 'ADA')
  assert.throws(() => render('{{ name | lower }}', { name: 'ada' }), ReferenceError)
})

test('renderAsync waits for values', async () => {
  const values = { name: Promise.resolve('Ada'), when: async () => 'now' }
  assert.equal(await renderAsync('{{ name }} {{ when }}!', values), 'Ada now!')
})

test('renderAsync waits for filters', async () => {
  const filters = { bold: async (text) => `*${text}*` }
  assert.equal(await renderAsync('a {{ name | bold }} b', { name: 'Ada' }, filters), 'a *Ada* b')
})

test('renderAsync refuses unknown filters', async () => {
  await assert.rejects(renderAsync('{{ name | lower }}', { name: 'Ada' }), ReferenceError)
})
