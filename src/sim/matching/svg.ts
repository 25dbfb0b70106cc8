/** Text of one SVG, readable on light and on dark pages. Sizes in its own units. */
export const svg = (width: number, height: number, about: { readonly title: string; readonly body: readonly string[] }): string => [
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(about.title)}">`,
  STYLE,
  `<rect class="page" width="${width}" height="${height}"/>`,
  text(16, 24, about.title, { kind: 'title' }),
  ...about.body,
  '</svg>\n',
].join('\n')

export const text = (x: number, y: number, words: string, { anchor = 'start', kind = 'word' }: { readonly anchor?: 'start' | 'middle' | 'end'; readonly kind?: 'title' | 'word' | 'faint' } = {}): string =>
  `<text class="${kind}" x="${px(x)}" y="${px(y)}" text-anchor="${anchor}">${escaped(words)}</text>`

export const line = (x1: number, y1: number, to: { readonly x: number; readonly y: number; readonly kind: string }): string =>
  `<line class="${to.kind}" x1="${px(x1)}" y1="${px(y1)}" x2="${px(to.x)}" y2="${px(to.y)}"/>`

export const bar = (x: number, y: number, of: { readonly width: number; readonly height: number; readonly kind: string; readonly hint: string }): string =>
  `<rect class="${of.kind}" x="${px(x)}" y="${px(y)}" width="${px(of.width)}" height="${px(of.height)}"><title>${escaped(of.hint)}</title></rect>`

/** Names of what has a colour, in the order of a legend. */
export const legend = (x: number, y: number, entries: readonly (readonly [string, string])[]): readonly string[] => {
  let at = x
  return entries.flatMap(([kind, words]) => {
    const drawn = [bar(at, y - 9, { width: 10, height: 10, kind, hint: words }), text(at + 15, y, words, { kind: 'faint' })]
    at += 28 + words.length * 6.4
    return drawn
  })
}

const px = (value: number): string => String(Math.round(value * 10) / 10)

const escaped = (words: string): string => words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

const STYLE = `<style>
text { font: 12px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600; font-size: 14px } .faint { fill: #57606a }
.page { fill: #ffffff } .axis { stroke: #8c959f } .grid { stroke: #d8dee4 } .limit { stroke: #cf222e; stroke-dasharray: 5 4 }
.swarm { fill: #0969da } .dispatcher { fill: #8c959f } .exact { fill: #1a7f37 } .partial { fill: #bf8700 } .poor { fill: #cf222e }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .faint { fill: #9198a1 } .page { fill: #0d1117 } .axis { stroke: #6e7681 } .grid { stroke: #30363d } .limit { stroke: #ff7b72 }
.swarm { fill: #58a6ff } .dispatcher { fill: #6e7681 } .exact { fill: #3fb950 } .partial { fill: #d29922 } .poor { fill: #f85149 } }
</style>`
