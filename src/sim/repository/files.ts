/** Files by path. Never changed once made: whoever edits makes another. */
export type Files = ReadonlyMap<string, string>
/** New texts by path; undefined removes the file. */
export type Edits = ReadonlyMap<string, string | undefined>

/** Over this many it is cheaper to begin anew. */
const LAYER_MAX = 24

/** These files with the edits: most of them are shared, not copied. */
export const withEdits = (files: Files, edits: Edits): Files => {
  const layered = files instanceof LayeredFiles ? files : undefined
  const below = layered?.below ?? files
  const over = new Map([...layered?.over ?? [], ...edits])
  const made = new LayeredFiles(below, over)
  return over.size > LAYER_MAX ? new Map(made) : made
}

/** Paths that are not the same in both, sorted. Quick for two that were made of the same files. */
export const differing = (one: Files, other: Files): readonly string[] => {
  if (one === other) return []
  const [first, second] = [layersOf(one), layersOf(other)]
  const candidates = first.below === second.below ? [...first.over.keys(), ...second.over.keys()] : [...one.keys(), ...other.keys()]
  return [...new Set(candidates)].filter((path) => one.get(path) !== other.get(path)).sort()
}

class LayeredFiles implements Files {
  readonly below: Files
  readonly over: Edits
  readonly size: number

  constructor(below: Files, over: Edits) {
    this.below = below
    this.over = over
    let { size } = below
    for (const [path, text] of over) size += (text === undefined ? 0 : 1) - (below.has(path) ? 1 : 0)
    this.size = size
  }

  get(path: string): string | undefined { return this.over.has(path) ? this.over.get(path) : this.below.get(path) }
  has(path: string): boolean { return this.get(path) !== undefined }
  entries(): MapIterator<[string, string]> { return this.#all() }
  [Symbol.iterator](): MapIterator<[string, string]> { return this.#all() }
  * keys(): MapIterator<string> { for (const [path] of this) yield path }
  * values(): MapIterator<string> { for (const [, text] of this) yield text }
  forEach(act: (text: string, path: string, files: Files) => void): void { for (const [path, text] of this) act(text, path, this) }

  * #all(): MapIterator<[string, string]> {
    for (const entry of this.below) if (!this.over.has(entry[0])) yield entry
    for (const [path, text] of this.over) if (text !== undefined) yield [path, text]
  }
}

const NOTHING: Edits = new Map()
const layersOf = (files: Files): { readonly below: Files; readonly over: Edits } => files instanceof LayeredFiles ? files : { below: files, over: NOTHING }
