import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import os from 'node:os'

/** Resolves a host name to addresses, as getaddrinfo does. */
export type Resolve = (host: string) => Promise<readonly string[]>

export const systemResolve: Resolve = async (host) => (await lookup(host, { all: true })).map((found) => found.address)

/**
 * The address to connect to, checked after resolving, so that a name that points inwards is no way in; the connection
 * must then go to this very address. A host given as an address (or `localhost`) in the configuration is meant; a
 * name is refused when any of its addresses is not public. Link-local addresses, where clouds keep their metadata, count as inwards.
 */
export const checkedAddress = async (host: string, options: { readonly resolve: Resolve; readonly allowPrivate: boolean }): Promise<string> => {
  if (isIP(host) !== 0) return host
  if (host === 'localhost') return '127.0.0.1'
  const addresses = await options.resolve(host)
  const [first] = addresses
  if (first === undefined) throw new Error(`${host} has no address`)
  const inward = options.allowPrivate ? undefined : addresses.find((address) => !isPublic(address))
  if (inward !== undefined) throw new Error(`${host} resolves to ${inward}, which is not a public address`)
  return first
}

/** False for loopback, private, link-local, shared, multicast and reserved addresses, and for this machine's own. */
export const isPublic = (address: string): boolean => {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return isPublic(mapped)
  const family = isIP(address)
  if (family === 0 || /^::ffff:/i.test(address)) return false
  if (INWARD.check(address, family === 4 ? 'ipv4' : 'ipv6')) return false
  return !Object.values(os.networkInterfaces()).some((own) => own?.some((one) => one.address === address) === true)
}

// IANA special-purpose registries (RFC 6890); the documentation ranges lead nowhere and are left out.
const INWARD = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24],
  ['192.168.0.0', 16], ['198.18.0.0', 15], ['224.0.0.0', 4], ['240.0.0.0', 4],
] as const) INWARD.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  ['::', 96], ['64:ff9b::', 96], ['64:ff9b:1::', 48], ['100::', 64], ['2002::', 16], ['fc00::', 7], ['fe80::', 10], ['fec0::', 10], ['ff00::', 8],
] as const) INWARD.addSubnet(network, bits, 'ipv6')
