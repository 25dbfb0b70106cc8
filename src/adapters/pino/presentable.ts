import { ChorusError, messageOf, truncate } from '../../core/mod.ts'
import type { LogData } from '../../ports/mod.ts'

/**
 * Log data as it may be written: members whose name promises a secret are masked, errors become code, message and
 * causes, long texts are cut, deep or circular values end. The last net, not the first: callers pass no secrets.
 */
export const presentable = (data: LogData): Record<string, unknown> => present(data, 0) as Record<string, unknown>

const DEPTH_MAX = 6
const ITEMS_MAX = 100
const TEXT_BYTES_MAX = 4_096
const SECRET_NAME = /^(?:.*[_-])?(?:secret|password|passwd|token|seed|authorization|cookie|credentials?|private_?key|api_?key|swarm_?key|psk)$/i

const present = (value: unknown, depth: number): unknown => {
  if (typeof value === 'string') return truncate(value, TEXT_BYTES_MAX)
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= DEPTH_MAX) return '[deeper]'
  if (value instanceof Error) return presentError(value, depth)
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`
  if (value instanceof Map || value instanceof Set) return present([...value], depth)
  if (Array.isArray(value)) {
    const shown = value.slice(0, ITEMS_MAX).map((item) => present(item, depth + 1))
    return value.length > ITEMS_MAX ? [...shown, `[${value.length - ITEMS_MAX} more]`] : shown
  }
  const shown: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value).slice(0, ITEMS_MAX)) {
    shown[name] = isSecretName(name) && member !== undefined && member !== null ? '[masked]' : present(member, depth + 1)
  }
  return shown
}

// Token counts and names of environment variables are facts that people need; camelCase is read as separate words.
const isSecretName = (name: string): boolean => SECRET_NAME.test(name.replace(/([a-z])([A-Z])/g, '$1_$2'))

const presentError = (error: Error, depth: number): Record<string, unknown> => ({
  name: error.name,
  message: messageOf(error),
  ...(error instanceof ChorusError ? { code: error.code, setting: error.setting, data: present(error.data, depth + 1) } : {}),
  ...(error.cause === undefined ? {} : { cause: present(error.cause, depth + 1) }),
})
