import type { z } from 'zod'
import type { Topic } from './topics.ts'

/** What makes a type a message: where it is spoken, and what its data must look like. */
export interface MessageDefinition<Data extends z.ZodType = z.ZodType> {
  readonly topic: Topic
  /** Bounded; unknown members are kept, so that a newer node may add some. */
  readonly data: Data
  /** True when `data.node_id` names the author and so must equal `from`. */
  readonly ownNodeId: boolean
}

export const define = <Data extends z.ZodType>(
  topic: Topic,
  data: Data,
  options: { readonly ownNodeId?: boolean } = {},
): MessageDefinition<Data> => ({ topic, data, ownNodeId: options.ownNodeId ?? false })

/** A parsed type without the index signature that "unknown members are kept" gives it: what is named, and no more. */
export type Named<T> = T extends unknown ? { [Key in keyof T as string extends Key ? never : Key]: T[Key] } : never
