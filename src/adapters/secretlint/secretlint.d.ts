// The part of the preset that Chorus uses. Its own types come from a package that is only a development dependency of it.
declare module '@secretlint/secretlint-rule-preset-recommend' {
  export interface Rule {
    readonly meta: { readonly id: string }
    create(context: RuleContext, options: Readonly<Record<string, unknown>>): { file?(source: Source): void | Promise<void> }
  }
  export interface RuleContext {
    readonly sharedOptions: Readonly<Record<string, unknown>>
    createTranslator(messages: unknown): (messageId: string, facts?: unknown) => unknown
    report(found: { readonly message: unknown; readonly range: readonly [number, number] }): void
    ignore(ignored: unknown): void
  }
  export interface Source {
    readonly content: string
    readonly contentType: 'text'
    readonly filePath: string | undefined
    readonly ext: string
  }
  export const rules: readonly Rule[]
}
