import { codeFindings } from './code.ts'
import { cycleFindings, importFindings } from './imports.ts'
import { manifestFindings, packageFindings } from './packages.ts'
import type { Finding, SourceText } from './source.ts'
import { textFindings } from './text.ts'

/** All rules over a set of files, real or made up. */
export const tidyFindings = (files: readonly SourceText[]): readonly Finding[] => [
  ...importFindings(files), ...cycleFindings(files), ...packageFindings(files), ...manifestFindings(files), ...codeFindings(files), ...textFindings(files),
]
