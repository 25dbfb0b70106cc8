/** The only two ways out of a sandbox. Each gate is a unix socket that the sandbox binds (`SandboxNetwork` socket). */
export interface Egress {
  /** An HTTP CONNECT proxy for dependency set-up: these `host:port` only, resolved addresses must be public (or the registry is configured on a private one). */
  openRegistry(spec: { readonly label: string }): Promise<EgressGate>
  /** A reverse proxy to the one configured model endpoint: drops the credentials it is sent, adds the real one. Rejects with ENGINE_UNAVAILABLE when no model is configured. */
  openModel(spec: { readonly label: string; readonly tokensMax?: number | undefined }): Promise<EgressGate>
  /** Environment that points the package managers in a set-up sandbox at the registry through a gate at 127.0.0.1:`port`. */
  registryEnvironment(port: number): Readonly<Record<string, string>>
}

export interface EgressGate {
  readonly socketPath: string
  counts(): { readonly allowed: number; readonly refused: number; readonly inputTokens: number; readonly outputTokens: number }
  close(): Promise<void>
}
