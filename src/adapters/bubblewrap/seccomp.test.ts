import { describe, expect, it } from 'vitest'
import { DENIED_CALLS, JUDGED_CALLS } from './seccomp-numbers.ts'
import { seccompFilter } from './seccomp.ts'

describe('seccompFilter()', () => {
  const ALLOWED = 0x7fff0000
  const errno = (number: number): number => 0x00050000 | number
  const ARCHITECTURE = { x64: 0xc000003e, arm64: 0xc00000b7 }

  /** Runs the filter as the kernel would, over struct seccomp_data. */
  const judge = (architecture: 'x64' | 'arm64', call: { readonly number: number; readonly arguments?: readonly number[]; readonly audit?: number }): number => {
    const data = Buffer.alloc(64)
    data.writeUInt32LE(call.number, 0)
    data.writeUInt32LE(call.audit ?? ARCHITECTURE[architecture], 4)
    call.arguments?.forEach((value, index) => data.writeUInt32LE(value, 16 + index * 8))
    const program = Buffer.from(seccompFilter(architecture))
    let value = 0
    for (let at = 0; at < program.byteLength; at += 8) {
      const operand = program.readUInt32LE(at + 4)
      const jump = (isTrue: boolean): void => { at += program.readUInt8(at + (isTrue ? 2 : 3)) * 8 }
      switch (program.readUInt16LE(at)) {
        case 0x20: value = data.readUInt32LE(operand); break
        case 0x15: jump(value === operand); break
        case 0x35: jump(value >= operand); break
        case 0x45: jump((value & operand) !== 0); break
        case 0x06: return operand
        default: throw new Error('unknown instruction')
      }
    }
    throw new Error('fell off the end')
  }

  it.each(['x64', 'arm64'] as const)('denies every listed call and lets others through on %s', (architecture) => {
    const column = architecture === 'x64' ? 0 : 1
    const denied: readonly number[] = Object.values(DENIED_CALLS).map((numbers) => numbers[column]).filter((number) => number !== null)
    for (const number of denied) expect(judge(architecture, { number })).toBe(errno(1))
    const special: readonly number[] = Object.values(JUDGED_CALLS[architecture])
    for (let number = 0; number < 470; number += 1) {
      if (!denied.includes(number) && !special.includes(number)) expect(judge(architecture, { number })).toBe(ALLOWED)
    }
  })

  it.each(['x64', 'arm64'] as const)('judges clone, sockets and terminal calls by their arguments on %s', (architecture) => {
    const calls = JUDGED_CALLS[architecture]
    expect(judge(architecture, { number: calls.clone, arguments: [0x1200011] })).toBe(ALLOWED)
    for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
      expect(judge(architecture, { number: calls.clone, arguments: [flag | 17] })).toBe(errno(1))
    }
    expect(judge(architecture, { number: calls.clone3 })).toBe(errno(38))
    for (const family of [1, 2, 10, 16]) expect(judge(architecture, { number: calls.socket, arguments: [family] })).toBe(ALLOWED)
    for (const family of [0, 3, 17, 38, 40]) expect(judge(architecture, { number: calls.socket, arguments: [family] })).toBe(errno(97))
    expect(judge(architecture, { number: calls.socketpair, arguments: [1] })).toBe(ALLOWED)
    expect(judge(architecture, { number: calls.socketpair, arguments: [40] })).toBe(errno(97))
    expect(judge(architecture, { number: calls.ioctl, arguments: [3, 0x5401] })).toBe(ALLOWED)
    for (const request of [0x5412, 0x541c]) expect(judge(architecture, { number: calls.ioctl, arguments: [0, request] })).toBe(errno(1))
  })

  it('kills calls of another architecture and refuses the x32 numbers', () => {
    expect(judge('x64', { number: 1, audit: 0x40000003 })).toBe(0x80000000)
    expect(judge('x64', { number: 0x40000000 + 165 })).toBe(errno(38))
  })
})
