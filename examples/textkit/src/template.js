const PLACE = /\{\{\s*([\w.]+)\s*(?:\|\s*(\w+)\s*)?\}\}/g

/** `Hello {{ user.name | upper }}` with values and filters. What has no value becomes an empty text. */
export function render(template, values, filters = {}) {
  return template.replace(PLACE, (_, path, filter) => {
    const value = lookUp(values, path)
    return String(applyFilter(value, filter, filters) ?? '')
  })
}

/** As `render`, with values that may be promises or functions that return them, and filters that may be async. */
export async function renderAsync(template, values, filters = {}) {
  let text = ''
  let end = 0
  for (const match of template.matchAll(PLACE)) {
    const [whole, path, filter] = match
    const found = lookUp(values, path)
    const value = await (typeof found === 'function' ? found() : found)
    const shown = applyFilter(value, filter, filters)
    text += template.slice(end, match.index) + String(shown ?? '')
    end = match.index + whole.length
  }
  return text + template.slice(end)
}

function lookUp(values, path) {
  return path.split('.').reduce((value, key) => (value !== null && value !== undefined && Object.hasOwn(Object(value), key) ? value[key] : undefined), values)
}

function applyFilter(value, name, filters) {
  if (name === undefined) return value
  if (!Object.hasOwn(filters, name)) throw new ReferenceError(`no filter is called ${name}`)
  return filters[name](value)
}
