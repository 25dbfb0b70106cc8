import type Hypercore from 'hypercore'
import { ChorusError, messageOf } from '../../core/mod.ts'

/** One entry from the disk; never waits for a peer to send it. */
export const readBlock = async (core: Hypercore, index: number): Promise<Uint8Array> => {
  if (!Number.isSafeInteger(index) || index < 0 || index >= core.length) {
    throw new ChorusError('INPUT_INVALID', `a log index from 0 to ${core.length - 1} expected, got ${index}`)
  }
  let block: Uint8Array | null
  try {
    block = await core.get(index, { wait: false })
  } catch (error) {
    throw new ChorusError('LOG_CORRUPT', `log entry ${index} cannot be read: ${messageOf(error)}`, { cause: error, data: { index } })
  }
  if (block === null) throw new ChorusError('LOG_CORRUPT', `log entry ${index} is missing`, { data: { index } })
  return new Uint8Array(block)
}

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
