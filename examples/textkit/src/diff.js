/**
 * The lines that turn `before` into `after`: ` ` kept, `-` removed, `+` added, in order. Longest common subsequence,
 * so no shorter list of changes exists.
 */
export function diffLines(before, after) {
  const [a, b] = [splitLines(before), splitLines(after)]
  const common = commonLengths(a, b)
  const changes = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      changes.push(` ${a[i]}`)
      i += 1
      j += 1
    } else if (j === b.length || (i < a.length && common[i + 1][j] <= common[i][j + 1])) {
      changes.push(`-${a[i]}`)
      i += 1
    } else {
      changes.push(`+${b[j]}`)
      j += 1
    }
  }
  return changes
}

/** `table[i][j]` is the length of the longest common subsequence of a from i and b from j. */
function commonLengths(a, b) {
  const table = Array.from({ length: a.length + 1 }, () => new Array(b.length + 1).fill(0))
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1])
    }
  }
  return table
}

function splitLines(text) {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}
