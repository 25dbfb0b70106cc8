import { z } from 'zod'
import { isNodeId, isOid, parseIsoTime, parseTaskKey } from '../core/mod.ts'
import type { Epoch, NodeId, Oid, TaskKey } from '../core/mod.ts'
import { LIMITS } from './limits.ts'

/**
 * Building blocks of the message schemas. Everything has a bound. One-line texts hold no control characters, so that
 * a terminal or a log line can show them.
 */
export const line = (charactersMax: number) => z.string().max(charactersMax).regex(ONE_LINE, 'no control characters')
export const name = () => line(LIMITS.nameCharactersMax).min(1)
export const title = () => line(LIMITS.titleCharactersMax)
/** Several lines; still no control characters but tab and newline. */
export const text = () => z.string().max(LIMITS.textCharactersMax).regex(LINES, 'no control characters')
export const names = (itemsMax: number) => z.array(name()).max(itemsMax)
export const count = () => z.int().min(0).max(LIMITS.tasksPerNodeMax)
/** RFC 3339. */
export const instant = () => z.string().max(40).refine((value) => parseIsoTime(value) !== undefined, 'an RFC 3339 instant')
/** Seconds since 1970. */
export const seconds = () => z.int().min(0).max(253_402_300_799)
export const repository = () => line(LIMITS.repositoryCharactersMax).min(1)
export const taskNumber = () => z.union([z.int().min(0), z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)])
export const nodeId = () => z.custom<NodeId>((value) => typeof value === 'string' && isNodeId(value), 'a node id')
export const oid = () => z.custom<Oid>((value) => typeof value === 'string' && isOid(value), 'a git object id')
export const epoch = () => z.custom<Epoch>((value) => Number.isSafeInteger(value) && (value as number) >= 1, 'an epoch')
export const taskKey = () => z.custom<TaskKey>(
  (value) => typeof value === 'string' && value.length <= LIMITS.taskKeyCharactersMax && parseTaskKey(value) !== undefined,
  'a task key',
)
/** http or https only: a portal makes a link of it. */
export const url = () => line(LIMITS.urlCharactersMax).regex(/^https?:\/\//, 'an http or https address')
/** 0 (whenever) to 10 (now). */
export const taskPriority = () => z.number().min(0).max(10)

const ONE_LINE = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/u
const LINES = /^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$/u
