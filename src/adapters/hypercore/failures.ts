import path from 'node:path'
import { ChorusError, messageOf } from '../../core/mod.ts'
import { corePath } from './folder.ts'

export const corrupt = (folder: string, problem: string): ChorusError =>
  new ChorusError('LOG_CORRUPT', `the audit log in ${folder} does not fit what was written: ${problem}. Nothing was changed.`
    + ' Restore the folder, or move it away to start a new log')

/** What Hypercore and RocksDB throw at open, in words that say what to do. */
export const openError = (error: unknown, folder: string): ChorusError => {
  if (error instanceof ChorusError) return error
  const message = messageOf(error)
  const setting = '--state'
  if (/could not be locked/i.test(message)) {
    return new ChorusError('STATE_LOCKED', `the audit log in ${folder} is in use by another process;`
      + ' stop that node or give this one its own state folder', { cause: error, setting })
  }
  if (error instanceof Error && 'code' in error && error.code === 'DEVICE_FILE') {
    return new ChorusError('STATE_INVALID', `the audit log in ${folder} was copied or restored from a backup (${message}).`
      + ' Two nodes that continue one log fork it: start with a fresh state folder, or, when the original is gone for good,'
      + ` delete ${path.join(corePath(folder), 'CORESTORE')} to go on from this copy`, { cause: error, setting })
  }
  if (/corrupt|checksum|bad record|malformed/i.test(message)) return corrupt(folder, message)
  return new ChorusError('LOG_UNAVAILABLE', `the audit log in ${folder} cannot be opened: ${message}`, { cause: error, setting })
}
