import { child, functionsAround } from '../syntax.ts'
import type { Place, SyntaxNode } from '../syntax.ts'

/** One small change of one file. */
export interface Edit {
  /** UTF-16 offsets, end exclusive; equal for an insertion. */
  readonly start: number
  readonly end: number
  readonly text: string
  /** For people: `< -> <=`. */
  readonly what: string
  /** How far-fetched: 1 (a slip that everyone makes) to 6. Ours. */
  readonly weight: number
}

/** Proposes edits at one node. */
export type Rule = (site: Site) => readonly Edit[]

/** A place in a source text, with what rules need to cut and paste around it. */
export class Site {
  readonly place: Place
  readonly source: string
  /** What the whole file holds, gathered once. */
  readonly vocabulary: Vocabulary

  constructor(place: Place, source: string, vocabulary: Vocabulary) {
    this.place = place
    this.source = source
    this.vocabulary = vocabulary
  }

  get node(): SyntaxNode { return this.place.node }
  get parent(): SyntaxNode | undefined { return this.place.parent?.node }

  /** Source of a node, as it stands. */
  text(node: SyntaxNode): string { return this.source.slice(node.start, node.end) }

  child(field: string): SyntaxNode | undefined { return child(this.node, field) }

  replace(node: { readonly start: number; readonly end: number }, text: string, what: string, weight: number): Edit {
    return { start: node.start, end: node.end, text, what, weight }
  }

  insert(at: number, text: string, what: string, weight: number): Edit {
    return { start: at, end: at, text, what, weight }
  }

  /** Where the operator stands between two nodes; undefined when it cannot be found (a comment holds the same characters). */
  operator(left: SyntaxNode, operator: string, right: SyntaxNode): { readonly start: number; readonly end: number } | undefined {
    const between = this.source.slice(left.end, right.start)
    const at = between.indexOf(operator)
    if (at < 0 || between.includes('/*') || between.includes('//')) return undefined
    return { start: left.end + at, end: left.end + at + operator.length }
  }

  /** The innermost function around this node, itself excluded. */
  enclosing(): Place | undefined {
    return functionsAround(this.place).find((place) => place !== this.place)
  }
}

/** Words of a file that a slip may confuse with each other, each list in order of first use and bounded. */
export interface Vocabulary {
  /** Names bound in each function (parameters and variables), by the function's start offset; -1 is the file itself. */
  readonly names: ReadonlyMap<number, readonly string[]>
  /** Properties that are read from or set on the same object, by the object's source text. */
  readonly properties: ReadonlyMap<string, readonly string[]>
  readonly strings: readonly string[]
}
