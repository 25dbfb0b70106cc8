import os from 'node:os'
import { describe, expect, it } from 'vitest'
import { checkedAddress, isPublic } from './addresses.ts'

describe('isPublic()', () => {
  it.each([
    '127.0.0.1', '127.9.9.9', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', '169.254.169.254', '198.18.0.1', '224.0.0.1',
    '255.255.255.255', '::1', '::', 'fe80::1', 'fd00::1', 'fc00::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::127.0.0.1', '64:ff9b::a00:1', '2002:7f00:1::', 'no address', '',
  ])('refuses %s', (address) => { expect(isPublic(address)).toBe(false) })

  it.each(['1.1.1.1', '172.15.255.255', '172.32.0.1', '100.63.0.1', '2606:4700::1111', '::ffff:1.1.1.1'])('takes %s', (address) => { expect(isPublic(address)).toBe(true) })

  it('refuses every address of this machine', () => {
    for (const own of Object.values(os.networkInterfaces()).flatMap((found) => found ?? [])) expect(isPublic(own.address)).toBe(false)
  })
})

describe('checkedAddress()', () => {
  const resolve = (...addresses: string[]) => () => Promise.resolve(addresses)

  it('gives the address that was checked', async () => {
    expect(await checkedAddress('models.example', { resolve: resolve('1.1.1.1', '2606:4700::1111'), allowPrivate: false })).toBe('1.1.1.1')
  })

  it('refuses a name of which any address leads inwards, unless that is allowed', async () => {
    const checking = checkedAddress('models.example', { resolve: resolve('1.1.1.1', '169.254.169.254'), allowPrivate: false })
    await expect(checking).rejects.toThrow('models.example resolves to 169.254.169.254, which is not a public address')
    expect(await checkedAddress('models.lan', { resolve: resolve('192.168.1.5'), allowPrivate: true })).toBe('192.168.1.5')
  })

  it('takes an address in the configuration as it is meant, and never resolves localhost', async () => {
    expect(await checkedAddress('192.168.1.5', { resolve: resolve(), allowPrivate: false })).toBe('192.168.1.5')
    expect(await checkedAddress('localhost', { resolve: resolve('6.6.6.6'), allowPrivate: false })).toBe('127.0.0.1')
  })

  it('refuses a name without address', async () => {
    await expect(checkedAddress('gone.example', { resolve: resolve(), allowPrivate: false })).rejects.toThrow('gone.example has no address')
  })
})
