import type { SandboxMount } from '../../ports/mod.ts'

/** How one coding agent that speaks ACP is started in the sandbox. Data only. */
export interface AcpPreset {
  readonly name: string
  /** Program and arguments, as found inside the sandbox. */
  readonly command: readonly string[]
  /** Host file that must exist and be executable; undefined when the agent is already inside. */
  readonly binary: string | undefined
  readonly mounts: readonly SandboxMount[]
  /** No secret: the model proxy adds the key on its way out. */
  readonly environment: Readonly<Record<string, string>>
  /** Port at 127.0.0.1 inside where the model proxy answers; undefined = no network. */
  readonly modelPort: number | undefined
}

export interface OpencodeOptions {
  /** Host path of the OpenCode program: one file, nothing else is needed. */
  readonly binary: string
  readonly model: {
    /** As the endpoint knows it. */
    readonly name: string
    /** Tokens; default 128000. */
    readonly contextTokensMax?: number
    /** Tokens; default 8192. */
    readonly outputTokensMax?: number
  }
}

const MODEL_PORT = 8080
/** Stands where agents insist on a key. The proxy drops it. */
export const PLACEHOLDER_KEY = 'sandbox-placeholder'
const PROVIDER = 'chorus'

/**
 * OpenCode (MIT), measured with 1.18.33: needs 2 GiB of memory, no home, no network but the model. Asking for
 * permission is switched off, because the sandbox is what holds it; where it asks nevertheless, the client answers.
 */
export const opencode = (options: OpencodeOptions): AcpPreset => {
  const model = `${PROVIDER}/${options.model.name}`
  const configuration = {
    autoupdate: false,
    share: 'disabled',
    // Snapshots are a second git repository of the work tree; the coordinator has its own.
    snapshot: false,
    provider: {
      [PROVIDER]: {
        npm: '@ai-sdk/openai-compatible',
        options: { baseURL: `http://127.0.0.1:${MODEL_PORT}/v1`, apiKey: PLACEHOLDER_KEY },
        models: {
          [options.model.name]: {
            tool_call: true,
            limit: { context: options.model.contextTokensMax ?? 128_000, output: options.model.outputTokensMax ?? 8_192 },
          },
        },
      },
    },
    model,
    small_model: model,
    permission: { edit: 'allow', bash: 'allow', webfetch: 'deny' },
  }
  return {
    name: 'opencode',
    command: ['/opt/agent/opencode', 'acp'],
    binary: options.binary,
    mounts: [{ source: options.binary, target: '/opt/agent/opencode', writable: false }],
    environment: {
      OPENCODE_CONFIG_CONTENT: JSON.stringify(configuration),
      OPENCODE_DISABLE_AUTOUPDATE: '1',
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
      // It calls its own server on a loopback port: no proxy may stand in between.
      NO_PROXY: '127.0.0.1,localhost,::1',
    },
    modelPort: MODEL_PORT,
  }
}
