import { AUDIT_ARCHITECTURE, DENIED_CALLS, JUDGED_CALLS } from './seccomp-numbers.ts'
import type { FilterArchitecture } from './seccomp-numbers.ts'

/**
 * The sandbox's system call filter as classic BPF (seccomp(2), `struct sock_filter[]`, little endian), ready for
 * bwrap's --seccomp. Denied calls fail with EPERM; clone3 with ENOSYS, so that libc falls back to clone, whose
 * flags can be read; sockets other than unix, inet, inet6 and netlink with EAFNOSUPPORT (AF_VSOCK reaches the
 * hypervisor and is not covered by a network namespace).
 */
export const seccompFilter = (architecture: FilterArchitecture): Uint8Array => {
  const calls = JUDGED_CALLS[architecture]
  const column = architecture === 'x64' ? 0 : 1
  const denied = Object.values(DENIED_CALLS).map((numbers) => numbers[column]).filter((number) => number !== null)
  return assemble([
    [LOAD, ARCHITECTURE_OFFSET], [JUMP_EQUAL, AUDIT_ARCHITECTURE[architecture], 1, 0], [RETURN, KILL_PROCESS],
    [LOAD, NUMBER_OFFSET],
    // The x32 ABI numbers the same calls anew, from this bit on.
    ...(architecture === 'x64' ? [[JUMP_AT_LEAST, 0x40000000, 0, 1], [RETURN, fails(ENOSYS)]] as const : []),
    ...denied.flatMap((number): Instruction[] => [[JUMP_EQUAL, number, 0, 1], [RETURN, fails(EPERM)]]),
    [JUMP_EQUAL, calls.clone3, 0, 1], [RETURN, fails(ENOSYS)],
    [JUMP_EQUAL, calls.clone, 0, 4],
    [LOAD, FIRST_ARGUMENT_OFFSET], [JUMP_ANY_BIT, CLONE_NEW_ANY, 0, 1], [RETURN, fails(EPERM)], [RETURN, ALLOW],
    [JUMP_EQUAL, calls.ioctl, 0, 5],
    [LOAD, SECOND_ARGUMENT_OFFSET], [JUMP_EQUAL, TIOCSTI, 1, 0], [JUMP_EQUAL, TIOCLINUX, 0, 1],
    [RETURN, fails(EPERM)], [RETURN, ALLOW],
    ...[calls.socket, calls.socketpair].flatMap((number): Instruction[] => [
      [JUMP_EQUAL, number, 0, FAMILIES.length + 3], [LOAD, FIRST_ARGUMENT_OFFSET],
      ...FAMILIES.map((family, index): Instruction => [JUMP_EQUAL, family, FAMILIES.length - index, 0]),
      [RETURN, fails(EAFNOSUPPORT)], [RETURN, ALLOW],
    ]),
    [RETURN, ALLOW],
  ])
}

/** Operation, operand, instructions to skip when true, when false. */
type Instruction = readonly [code: number, operand: number, whenTrue?: number, whenFalse?: number]

// linux/bpf_common.h
const LOAD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_AT_LEAST = 0x35
const JUMP_ANY_BIT = 0x45
const RETURN = 0x06
// struct seccomp_data; the lower halves of the 64-bit arguments
const NUMBER_OFFSET = 0
const ARCHITECTURE_OFFSET = 4
const FIRST_ARGUMENT_OFFSET = 16
const SECOND_ARGUMENT_OFFSET = 24
// linux/seccomp.h
const ALLOW = 0x7fff0000
const KILL_PROCESS = 0x80000000
const fails = (errno: number): number => 0x00050000 | errno
const EPERM = 1
const ENOSYS = 38
const EAFNOSUPPORT = 97
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const CLONE_NEW_ANY = 0x7e020000
/** They type into the terminal that the coordinator was started from. */
const TIOCSTI = 0x5412
const TIOCLINUX = 0x541c
/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. */
const FAMILIES = [1, 2, 10, 16] as const

const assemble = (instructions: readonly Instruction[]): Uint8Array => {
  const bytes = Buffer.alloc(instructions.length * 8)
  instructions.forEach(([code, operand, whenTrue = 0, whenFalse = 0], index) => {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(whenTrue, index * 8 + 2)
    bytes.writeUInt8(whenFalse, index * 8 + 3)
    bytes.writeUInt32LE(operand, index * 8 + 4)
  })
  return bytes
}
