import { describe, expect, it } from 'vitest'
import { TEST_LIMITS, testSpec } from '../../testing/sandbox-compliance.ts'
import { checkSpec } from './spec.ts'

describe('checkSpec()', () => {
  it.each([
    ['no command', { command: [] }],
    ['a NUL byte', { command: ['a\0b'] }],
    ['a label with a slash', { label: 'a/b' }],
    ['a variable that is no name', { environment: { 'A=B': '' } }],
    ['a relative source', { mounts: [{ source: 'x', target: '/opt/x', writable: false }] }],
    ['a mount over the system', { mounts: [{ source: '/x', target: '/usr/bin', writable: false }] }],
    ['a mount over a whole top folder', { mounts: [{ source: '/x', target: '/workspace', writable: false }] }],
    ['a mount that climbs', { mounts: [{ source: '/x', target: '/workspace/../etc', writable: false }] }],
    ['a mount over our own programs', { mounts: [{ source: '/x', target: '/opt/chorus/bin', writable: false }] }],
    ['a privileged port', { network: { kind: 'socket', socketPath: '/x/s', port: 80 } }],
    ['a socket name that socat would read', { network: { kind: 'socket', socketPath: '/x/s,mode=777', port: 8080 } }],
    ['a limit of nothing', { limits: { ...TEST_LIMITS, memoryBytesMax: 0 } }],
  ] as const)('refuses %s', (_name, changes) => {
    expect(() => { checkSpec({ ...testSpec('/w', ['true']), ...changes }) }).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }))
  })

  it('takes a plain one', () => {
    checkSpec(testSpec('/w', ['true'], { mounts: [{ source: '/x', target: '/workspace/node_modules', writable: false }], environment: { TASK_ID: '' } }))
  })
})
