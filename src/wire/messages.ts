import type { z } from 'zod'
import { COORDINATION_MESSAGES } from './coordination.ts'
import type { MessageDefinition, Named } from './definition.ts'
import { ROLE_MESSAGES } from './roles.ts'

/** Every type on the wire: one with a schema, a sender and a handler. A new family is a file and a line here. */
export const MESSAGES = { ...COORDINATION_MESSAGES, ...ROLE_MESSAGES } as const satisfies Record<string, MessageDefinition>

export type MessageType = keyof typeof MESSAGES
export type MessageData<Type extends MessageType> = Named<z.output<(typeof MESSAGES)[Type]['data']>>

export const MESSAGE_TYPES = Object.keys(MESSAGES) as readonly MessageType[]

export const isMessageType = (type: string): type is MessageType => Object.hasOwn(MESSAGES, type)
