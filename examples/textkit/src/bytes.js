const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** 1536 is `1.5 KiB`: one decimal, none when it is zero or the number is in bytes. */
export function formatBytes(bytes) {
  if (!Number.isFinite(bytes) || bytes < 0) throw new RangeError(`a size is a positive number, got ${bytes}`)
  let amount = bytes
  let unit = 0
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024
    unit += 1
  }
  const shown = unit === 0 ? String(Math.round(amount)) : trimZero(amount.toFixed(2))
  return `${shown} ${UNITS[unit]}`
}

/** 1234567 is `1,234,567`; the sign and decimals stay as they are. */
export function groupThousands(number, separator = ',') {
  const [whole, decimals] = String(number).split('.')
  const grouped = whole.replace(/(\d)(?=(?:\d{3})+$)/g, `$1${separator}`)
  return decimals === undefined ? grouped : `${grouped}.${decimals}`
}

function trimZero(text) {
  return text.endsWith('.0') ? text.slice(0, -2) : text
}
