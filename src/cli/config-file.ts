import { readFileSync } from 'node:fs'
import { ChorusError, messageOf } from '../core/mod.ts'

/** Text of a configuration file, in UTF-8. Rejects with CONFIG_INVALID what cannot be read, or is no such text: what stands for a broken byte would be taken for what its author wrote. */
export const readConfigFile = (file: string): string => {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    throw new ChorusError('CONFIG_INVALID', `${file} cannot be read: ${messageOf(cause)}`, { cause, setting: '--config' })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new ChorusError('CONFIG_INVALID', `${file}: expected UTF-8 text`, { cause, setting: '--config' })
  }
}
