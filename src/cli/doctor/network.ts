import { connect, createServer } from 'node:net'
import { messageOf } from '../../core/mod.ts'
import type { ChorusConfig } from '../../node/config.ts'
import type { Places } from '../places.ts'
import type { Probe } from './finding.ts'
import { isInUse } from './own-files.ts'

const DIAL_MS_MAX = 5_000

/** The addresses that the node listens on, and those that it tries first. */
export const networkProbes = ({ network }: ChorusConfig, places: Places): readonly Probe[] => [
  ...network.listen.flatMap((address) => withTcp(address, (place) => listening(address, place, places))),
  ...network.bootstrap.flatMap((address) => withTcp(address, (place) => dialling(address, place))),
]

const listening = (address: string, place: Place, { stateFolder }: Places): Probe => ({
  name: 'listen', required: true, fix: 'another program may have the port: set network.listen to a free one, or to /ip4/0.0.0.0/tcp/0 for any',
  attempt: async () => {
    // A node that runs has its own port already.
    if (await isInUse(stateFolder)) return `${address} is this node's, which runs`
    const server = createServer()
    return new Promise((resolve) => {
      server.once('error', (error) => { resolve({ problem: `${address}: ${messageOf(error)}` }) })
      server.listen(place, () => { server.close(() => { resolve(`${address} can be listened on`) }) })
    })
  },
})

const dialling = (address: string, place: Place): Probe => ({
  name: 'bootstrap', required: false, fix: 'start the node there, or correct network.bootstrap; one address that answers is enough',
  attempt: () => new Promise((resolve) => {
    const socket = connect({ ...place, timeout: DIAL_MS_MAX })
    const end = (answer: string | { readonly problem: string }): void => { socket.destroy(); resolve(answer) }
    socket.once('connect', () => { end(`${address} answers`) })
    socket.once('timeout', () => { end({ problem: `${address} did not answer within ${DIAL_MS_MAX / 1_000} s` }) })
    socket.once('error', (error) => { end({ problem: `${address}: ${messageOf(error)}` }) })
  }),
})

interface Place {
  readonly host: string
  readonly port: number
}

/** Nothing for what is no plain TCP address: the node itself tries it. */
const withTcp = (address: string, make: (place: Place) => Probe): readonly Probe[] => {
  const [, host, port] = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})(?:\/p2p\/[^/]+)?$/.exec(address) ?? []
  return host === undefined ? [] : [make({ host, port: Number(port) })]
}
