import { createHash, createHmac } from 'node:crypto'

/** SHA-256, lower-case hex. */
export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

/** HMAC-SHA-256, lower-case hex: compares secrets without keeping them. */
export const keyedHash = (key: Uint8Array, data: string | Uint8Array): string => createHmac('sha256', key).update(data).digest('hex')

/** Git object id of an object of the given type (SHA-1 repositories, git-hash-object(1)). */
export const gitObjectId = (type: 'commit' | 'blob' | 'tree', body: Uint8Array): string =>
  createHash('sha1').update(`${type} ${body.byteLength}\0`).update(body).digest('hex')
