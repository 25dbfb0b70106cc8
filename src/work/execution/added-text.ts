/**
 * The lines that a unified diff adds, and the paths it names: what a search for secrets must see. Lines that are only
 * context or removed are left out, so that removing a secret is allowed. Counts lines by the hunk headers, because a
 * line of content may look like a header.
 */
export const addedText = (diff: string): string => {
  const added: string[] = []
  let before = 0
  let after = 0
  for (const line of diff.split('\n')) {
    if (before > 0 || after > 0) {
      if (line.startsWith('+')) {
        added.push(line.slice(1))
        after -= 1
      } else if (line.startsWith('-')) before -= 1
      else if (!line.startsWith('\\')) {
        before -= 1
        after -= 1
      }
      continue
    }
    const hunk = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line)
    if (hunk !== null) {
      before = Number(hunk[1] ?? 1)
      after = Number(hunk[2] ?? 1)
    } else if (line.startsWith('+++ ')) added.push(line.slice(4))
  }
  return added.join('\n')
}

/** True when the workspace cut the diff: then nobody saw all of it. */
export const isCut = (diff: string, bytesMax: number): boolean =>
  Buffer.byteLength(diff) >= bytesMax || /\[[^\]\n]*\bcut\]\s*$/.test(diff.slice(-200))

/** True when the diff names content that it does not show: no search for secrets saw it. */
export const hidesContent = (diff: string): boolean => /^(?:Binary files .* differ|GIT binary patch)$/m.test(diff)
