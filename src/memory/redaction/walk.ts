import { ChorusError } from '../../core/mod.ts'
import type { Json } from '../../core/mod.ts'
import { isSecretName } from './rules.ts'

/**
 * All texts of a value in one, so that a scanner runs once and a secret cut into list items is still seen whole. A text
 * starts where the walk meets it; `rebuild` walks in the same order and so finds the same starts.
 */
export interface Texts { readonly joined: string }

/** No expression of a rule that stays within one line crosses it. */
const SEPARATOR = '\n\0\n'
const NODES_MAX = 100_000
const DEPTH_MAX = 64

export const collectTexts = (value: Json): Texts => {
  const pieces: string[] = []
  let nodes = 0
  const walk = (node: Json | undefined, depth: number): void => {
    nodes += 1
    if (nodes > NODES_MAX) throw new ChorusError('LIMIT_EXCEEDED', `at most ${NODES_MAX} values can be searched for secrets at once`)
    if (depth > DEPTH_MAX) throw new ChorusError('LIMIT_EXCEEDED', `values nested at most ${DEPTH_MAX} deep can be searched for secrets`)
    if (typeof node === 'string') pieces.push(node, SEPARATOR)
    else if (Array.isArray(node)) for (const item of node as readonly Json[]) walk(item, depth + 1)
    else if (typeof node === 'object' && node !== null) {
      for (const [name, member] of Object.entries(node)) {
        pieces.push(name, SEPARATOR)
        walk(member, depth + 1)
      }
    }
  }
  walk(value, 0)
  return { joined: pieces.join('') }
}

export interface Replacers {
  /** `start` is the text's place in the joined texts. */
  replace(text: string, start: number): string
  /** A value whose name says that it is a secret. */
  replaceNamed(text: string): string
}

export const rebuild = (value: Json, replacers: Replacers): Json => {
  let at = 0
  const text = (piece: string): string => {
    const start = at
    at += piece.length + SEPARATOR.length
    return replacers.replace(piece, start)
  }
  const walk = (node: Json, secretName: boolean): Json => {
    if (typeof node === 'string') {
      const replaced = text(node)
      return secretName && replaced === node ? replacers.replaceNamed(node) : replaced
    }
    if (Array.isArray(node)) return (node as readonly Json[]).map((item) => walk(item, secretName))
    if (typeof node !== 'object' || node === null) return node
    const members: [string, Json][] = []
    const taken = new Set<string>()
    for (const [name, member] of Object.entries(node as { readonly [key: string]: Json | undefined })) {
      const replaced = text(name)
      let unique = replaced
      for (let number = 2; taken.has(unique); number += 1) unique = `${replaced}#${number}`
      taken.add(unique)
      if (member !== undefined) members.push([unique, walk(member, isSecretName(name))])
    }
    return Object.fromEntries(members)
  }
  return walk(value, false)
}
