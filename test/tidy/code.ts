import ts from 'typescript'
import { isCode, isProduction, lineOf, parse } from './source.ts'
import type { Finding, SourceText } from './source.ts'

const MACHINE = /^src\/(?:adapters|cli|surfaces|testing|sim)\//
const LINES_MAX = 400
const TEST_LINES_MAX = 800

/** Names that reach time, chance, the network, the machine or the terminal past the ports. */
const GLOBALS: ReadonlySet<string> = new Set([
  'setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate', 'fetch', 'WebSocket', 'process', 'console',
  'performance', 'crypto', 'globalThis', 'require', 'localStorage', 'eval',
])
const MEMBERS: ReadonlySet<string> = new Set(['Date.now', 'Math.random', 'AbortSignal.timeout', 'Atomics.wait'])

export const codeFindings = (files: readonly SourceText[]): readonly Finding[] => files.filter(isCode).flatMap((file) => [
  ...(isProduction(file) && !MACHINE.test(file.path) ? forbiddenNames(file) : []),
  ...shapeFindings(file),
])

const forbiddenNames = (file: SourceText): readonly Finding[] => {
  const tree = parse(file)
  const findings: Finding[] = []
  const report = (node: ts.Node, name: string): void => {
    findings.push({ rule: 'banned-global', place: `${file.path}:${lineOf(tree, node)}`, reason: `${name} goes past the ports` })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node) && MEMBERS.has(`${node.expression.getText(tree)}.${node.name.text}`)) report(node, node.getText(tree))
    else if (ts.isNewExpression(node) && node.expression.getText(tree) === 'Date' && (node.arguments?.length ?? 0) === 0) report(node, 'new Date()')
    else if (ts.isCallExpression(node) && node.expression.getText(tree) === 'Date') report(node, 'Date()')
    else if (ts.isIdentifier(node) && GLOBALS.has(node.text) && isReference(node) && !isBoundHere(node)) report(node, node.text)
    else if (ts.isIdentifier(node) && /^(?:randomUUID|randomBytes|randomInt|getRandomValues)$/.test(node.text)) report(node, node.text)
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return findings
}

/** Not the name of a member, of a property, of something declared here, or a type. */
const isReference = (node: ts.Identifier): boolean => {
  const parent = node.parent
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  if (ts.isPropertyAssignment(parent) || ts.isBindingElement(parent)) return (parent.initializer as ts.Node | undefined) === node
  if (ts.isQualifiedName(parent) || ts.isTypeReferenceNode(parent)) return false
  return !(ts.isPropertySignature(parent) || ts.isMethodSignature(parent) || ts.isPropertyDeclaration(parent) || ts.isMethodDeclaration(parent)
    || ts.isGetAccessor(parent) || ts.isParameter(parent) || ts.isVariableDeclaration(parent) && parent.name === node || ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent)
    || ts.isFunctionDeclaration(parent) || ts.isInterfaceDeclaration(parent) || ts.isTypeAliasDeclaration(parent))
}

/** True when a parameter, variable, function or import around the use has that name. */
const isBoundHere = (use: ts.Identifier): boolean => {
  for (let at: ts.Node = use.parent; at !== undefined; at = at.parent) if (bindingsOf(at).some((name) => binds(name, use.text))) return true
  return false
}

const bindingsOf = (scope: ts.Node): readonly (ts.BindingName | undefined)[] => {
  if (ts.isFunctionLike(scope)) return scope.parameters.map(({ name }) => name)
  if (ts.isCatchClause(scope)) return [scope.variableDeclaration?.name]
  if ((ts.isForOfStatement(scope) || ts.isForStatement(scope)) && scope.initializer !== undefined && ts.isVariableDeclarationList(scope.initializer)) {
    return scope.initializer.declarations.map(({ name }) => name)
  }
  if (!ts.isBlock(scope) && !ts.isSourceFile(scope) && !ts.isCaseOrDefaultClause(scope)) return []
  return scope.statements.flatMap((statement): readonly (ts.BindingName | undefined)[] => {
    if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name)
    if (ts.isFunctionDeclaration(statement)) return [statement.name]
    const named = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : undefined
    return named !== undefined && ts.isNamedImports(named) ? named.elements.map(({ name }) => name) : []
  })
}

const binds = (name: ts.BindingName | undefined, text: string): boolean =>
  name !== undefined && (ts.isIdentifier(name) ? name.text === text : name.elements.some((element) => ts.isBindingElement(element) && binds(element.name, text)))

const shapeFindings = (file: SourceText): readonly Finding[] => {
  const tree = parse(file)
  const findings: Finding[] = []
  const report = (rule: string, node: ts.Node, reason: string): void => { findings.push({ rule, place: `${file.path}:${lineOf(tree, node)}`, reason }) }
  const lines = file.text.split('\n').length
  const most = file.path.endsWith('.test.ts') ? TEST_LINES_MAX : LINES_MAX
  if (lines > most) findings.push({ rule: 'file-length', place: file.path, reason: `${lines} lines, at most ${most}: one idea a file` })
  const configures = /(?:^|\/)[\w.-]+\.config\.ts$/.test(file.path)
  const visit = (node: ts.Node): void => {
    if (ts.isExportAssignment(node) && !configures) report('default-export', node, 'exports have names')
    if (ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)) report('default-export', node, 'exports have names')
    if (ts.isEnumDeclaration(node)) report('not-erasable', node, 'no enum: a union of texts')
    if (ts.isModuleDeclaration(node) && (node.flags & ts.NodeFlags.Namespace) !== 0) report('not-erasable', node, 'no namespace: a file')
    if (ts.isParameterPropertyDeclaration(node, node.parent)) report('not-erasable', node, 'no parameter properties: a field')
    if (node.kind === ts.SyntaxKind.AnyKeyword) report('any', node, 'no any: unknown, and look')
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return findings
}
