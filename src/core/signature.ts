import { createPrivateKey, createPublicKey, sign as cryptoSign, verify as cryptoVerify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { assert } from './assert.ts'
import { BoundedMap } from './bounded.ts'
import type { NodeId } from './ids.ts'

/**
 * Ed25519 (RFC 8032) as pure functions. Signatures are base64url without padding, 86 characters.
 * Node ids are libp2p peer ids of Ed25519 keys: base58btc of the identity multihash of the protobuf public key
 * (libp2p peer-ids specification), so whoever has the id has the public key.
 */
export const SIGNATURE_LENGTH = 86

// PKCS #8 and SPKI prefixes of a raw 32-byte Ed25519 key (RFC 8410 §7 and §4).
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
// identity multihash (0x00), 36 bytes, protobuf {1: key type Ed25519 (1), 2: 32 bytes}.
const PEER_ID_PREFIX = Buffer.from('002408011220', 'hex')

/** From a 32-byte seed. */
export const privateKeyFromSeed = (seed: Uint8Array): KeyObject => {
  assert(seed.byteLength === 32, 'an Ed25519 seed has 32 bytes')
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
}

/** Raw 32-byte public key. */
export const publicKeyBytes = (privateKey: KeyObject): Uint8Array =>
  new Uint8Array(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.byteLength))

export const sign = (privateKey: KeyObject, data: Uint8Array | string): string =>
  cryptoSign(null, typeof data === 'string' ? Buffer.from(data) : data, privateKey).toString('base64url')

/** False for any signature, id or data that does not fit; never throws on hostile input. */
export const verify = (node: NodeId, data: Uint8Array | string, signature: string): boolean => {
  if (signature.length !== SIGNATURE_LENGTH) return false
  const known = keyOf(node)
  if (known === undefined) return false
  const bytes = Buffer.from(signature, 'base64url')
  // 86 characters hold four bits more than 64 bytes: of the texts for one signature only one counts.
  if (bytes.toString('base64url') !== signature) return false
  try {
    known.key ??= createPublicKey({ key: Buffer.concat([SPKI_PREFIX, known.raw]), format: 'der', type: 'spki' })
    return cryptoVerify(null, typeof data === 'string' ? Buffer.from(data) : data, known.key, bytes)
  } catch {
    // A point that is not on the curve: not a valid key, so not a valid signature.
    return false
  }
}

export const nodeIdOfKey = (publicKey: Uint8Array): NodeId => {
  assert(publicKey.byteLength === 32, 'an Ed25519 public key has 32 bytes')
  return base58Encode(Buffer.concat([PEER_ID_PREFIX, publicKey])) as NodeId
}

export const publicKeyOfNode = (node: NodeId): Uint8Array | undefined => keyOf(node)?.raw.slice()

export const isNodeId = (text: string): text is NodeId => keyOf(text) !== undefined

interface KnownKey {
  readonly raw: Uint8Array
  /** Made when a signature is first looked at. */
  key: KeyObject | undefined
}

/** Ids that were found to be ones, with their keys: to read one and to import its key costs as much as half a verification. */
const KEYS_MAX = 4_096
const keys = new BoundedMap<string, KnownKey>(KEYS_MAX)

const keyOf = (text: string): KnownKey | undefined => {
  const known = keys.get(text)
  if (known !== undefined) return known
  const bytes = base58Decode(text)
  if (bytes?.byteLength !== 38 || !PEER_ID_PREFIX.equals(bytes.subarray(0, 6))) return undefined
  const found = { raw: bytes.subarray(6), key: undefined }
  keys.set(text, found)
  return found
}

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

const base58Encode = (bytes: Uint8Array): string => {
  let number = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  let text = ''
  for (; number > 0n; number /= 58n) text = (ALPHABET[Number(number % 58n)] ?? '') + text
  for (const byte of bytes) { if (byte !== 0) break; text = `1${text}` }
  return text
}

const base58Decode = (text: string): Uint8Array | undefined => {
  if (text.length < 40 || text.length > 60) return undefined
  let number = 0n
  for (const character of text) {
    const digit = ALPHABET.indexOf(character)
    if (digit < 0) return undefined
    number = number * 58n + BigInt(digit)
  }
  const zeros = /^1*/.exec(text)?.[0].length ?? 0
  const hex = number.toString(16)
  return new Uint8Array(Buffer.from('00'.repeat(zeros) + (hex.length % 2 === 1 ? `0${hex}` : hex), 'hex'))
}
