import { describe, expect, it } from 'vitest'
import { priorityOf, priorityOfLabel } from './priority.ts'
import { taskType } from './task-type.ts'

describe('taskType', () => {
  it.each([
    ['Fix crash on start', [], 'bug_fix'],
    ['Crash on start', ['type:bug'], 'bug_fix'],
    ['Fix the docs of the test feature', [], 'bug_fix'],
    ['Implement paging', [], 'feature_development'],
    ['Paging', ['feature'], 'feature_development'],
    ['Tests for the parser', [], 'testing'],
    ['Add a test', ['documentation'], 'testing'],
    ['Write documentation', [], 'documentation'],
    ['README', ['docs'], 'documentation'],
    ['Refactor the queue', [], 'refactoring'],
    ['Review the design', [], 'code_review'],
    ['Use the latest release', [], 'development'],
    ['Add a prefix', [], 'development'],
    ['Run in docker', [], 'development'],
    ['Contest page preview', ['debugger'], 'development'],
    ['', [], 'development'],
    ['FIX: umlaut in “Größe”', [], 'bug_fix'],
    ['bug_report form', [], 'bug_fix'],
  ])('%j %j is %s', (title, labels, type) => {
    expect(taskType(title, labels)).toBe(type)
  })
})

describe('priorityOf', () => {
  it.each([
    ['priority:8', 8], ['priority/0', 0], ['Priority: 10', 10], ['priority::urgent', 10], ['priority/high', 8], ['prio-medium', 5],
    ['P0', 10], ['p1', 8], ['P2', 5], ['P3', 2], ['priority:11', undefined], ['priority:-1', undefined], ['P4', undefined],
    ['http/2', undefined], ['priority', undefined], ['toppriority:9', undefined], ['high', undefined],
  ])('label %j is %j', (label, priority) => {
    expect(priorityOfLabel(label)).toBe(priority)
  })

  it.each([
    [{ labels: [] }, 4],
    [{ labels: ['x', 'P3', 'priority:7'] }, 7],
    [{ stated: 0, labels: ['P0'] }, 0],
    [{ stated: 'low', labels: [] }, 2],
    [{ stated: 99, labels: ['P1'] }, 8],
    [{ labels: [], field: 'urgent' }, 10],
    [{ labels: ['P3'], field: 9 }, 2],
  ])('%j gives %d', (said, priority) => {
    expect(priorityOf(said)).toBe(priority)
  })
})
