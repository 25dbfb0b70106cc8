import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'

/** A file as the rules see it: nothing but name and text, so that planted ones can stand beside real ones. */
export interface SourceText {
  /** Relative to the repository's root. */
  readonly path: string
  readonly text: string
}

export interface Finding {
  readonly rule: string
  readonly place: string
  readonly reason: string
}

export interface Import {
  /** As written: `./codec.ts`, `node:fs`, `zod`. */
  readonly target: string
  readonly line: number
  /** Erased by the compiler: no code of the target runs. */
  readonly typeOnly: boolean
  readonly names: readonly string[]
}

const root = path.resolve(import.meta.dirname, '../..')
const TEXT = /\.(?:ts|js|mjs|json|md|yaml|yml|sh)$|^LICENSE$|^\.gitignore$/
const BYTES_MAX = 2 * 1024 * 1024

/** Every text file that is in the repository or would be with the next `git add`. */
export const repositoryTexts = (): readonly SourceText[] => {
  const names = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }).split('\0')
  return names.filter((name) => TEXT.test(name)).flatMap((name) => {
    const file = path.join(root, name)
    const found = statSync(file, { throwIfNoEntry: false })
    return found?.isFile() === true && found.size <= BYTES_MAX ? [{ path: name, text: readFileSync(file, 'utf8') }] : []
  })
}

export const isCode = (file: SourceText): boolean => file.path.endsWith('.ts') && !file.path.endsWith('.d.ts') && !file.path.includes('node_modules/')
export const isTest = (file: SourceText): boolean => file.path.endsWith('.test.ts') || file.path.startsWith('test/')
export const isProduction = (file: SourceText): boolean => file.path.startsWith('src/') && isCode(file) && !isTest(file)

export const parse = (file: SourceText): ts.SourceFile => ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true)

export const lineOf = (tree: ts.SourceFile, node: ts.Node): number => tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1

/** Static imports, re-exports, `import()` and `import('…')` types with a fixed target. */
export const importsOf = (file: SourceText): readonly Import[] => {
  const tree = parse(file)
  const found: Import[] = []
  const add = (node: ts.Node, target: ts.Expression | undefined, typeOnly: boolean, names: readonly string[] = []): void => {
    if (target !== undefined && ts.isStringLiteralLike(target)) found.push({ target: target.text, line: lineOf(tree, node), typeOnly, names })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      const clause = node.importClause
      const bindings = clause?.namedBindings
      const elements = bindings !== undefined && ts.isNamedImports(bindings) ? bindings.elements : []
      add(node, node.moduleSpecifier, clause?.phaseModifier === ts.SyntaxKind.TypeKeyword, elements.map((element) => (element.propertyName ?? element.name).text))
    } else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node, node.arguments[0], false)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node, node.argument.literal as ts.Expression, true)
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

/** The repository path that a relative import leads to. */
export const resolveImport = (file: SourceText, target: string): string => path.posix.normalize(path.posix.join(path.posix.dirname(file.path), target))
