const LETTERS = { ß: 'ss', æ: 'ae', ø: 'o', œ: 'oe', ł: 'l', đ: 'd' }

/** A text as a part of a URL or file name: `Crème Brûlée!` is `creme-brulee`. Empty when nothing is left. */
export function slugify(text, { separator = '-' } = {}) {
  const plain = text.toLowerCase().replace(/[ßæøœłđ]/g, (letter) => LETTERS[letter]).normalize('NFD').replace(/\p{M}/gu, '')
  return plain.replace(/[^a-z0-9]+/, separator).split(separator).filter((part) => part !== '').join(separator)
}

/** A slug that is not in `taken` yet: `post`, `post-2`, `post-3`. It is added to `taken`. */
export function uniqueSlug(text, taken) {
  const slug = slugify(text) || 'untitled'
  let candidate = slug
  for (let number = 2; taken.has(candidate); number += 1) candidate = `${slug}-${number}`
  taken.add(candidate)
  return candidate
}
