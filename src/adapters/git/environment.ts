/**
 * What every git program gets. Nothing of the surrounding environment reaches it but what is named here, so that no
 * GIT_DIR, hook path or pager of the person who started the node changes what a command does.
 */
export interface GitCredential {
  readonly username: string
  /** Token or password. Handed over in the environment, never in an argument list, never after a redirect. */
  readonly password: string
}

/** No prompts, no user or system configuration: for everything that is not the network. */
export const closedEnvironment = (): Record<string, string> => ({
  ...shared(),
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
})

/**
 * For fetch, push and ls-remote. `userConfig` lets in the person's own configuration and agents (credential helpers,
 * ssh keys, proxies); without it only the given credential is used.
 */
export const networkEnvironment = (
  options: { readonly userConfig: boolean; readonly credential?: GitCredential | undefined },
): Record<string, string> => {
  const environment: Record<string, string> = options.userConfig ? { ...shared(), ...picked(USER_VARIABLES) } : closedEnvironment()
  if (options.credential === undefined) return environment
  const basic = Buffer.from(`${options.credential.username}:${options.credential.password}`).toString('base64')
  return {
    ...environment,
    GIT_CONFIG_COUNT: '2',
    GIT_CONFIG_KEY_0: 'http.extraHeader',
    GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}`,
    GIT_CONFIG_KEY_1: 'http.followRedirects',
    GIT_CONFIG_VALUE_1: 'false',
  }
}

/** For every command: no hooks, no watchers, no helper programs named by a URL, no maintenance in the background. */
export const GUARDS: readonly string[] = configuration([
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'protocol.ext.allow=never',
  'gc.auto=0',
  'maintenance.auto=false',
  'core.filesRefLockTimeout=2000',
])

/** For commands on a hostile work tree: attributes and excludes come from the tree alone, and bytes stay as they are. */
export const TREE_GUARDS: readonly string[] = configuration([
  'core.attributesFile=/dev/null',
  'core.excludesFile=/dev/null',
  'core.autocrlf=false',
  'core.safecrlf=false',
  'core.symlinks=true',
  'core.fileMode=true',
  'core.bigFileThreshold=16m',
  'core.untrackedCache=false',
  'submodule.recurse=false',
])

/** For the network: give up on a stalled transfer, and let no configuration widen what a push sends. */
export const NETWORK_GUARDS: readonly string[] = configuration([
  'http.lowSpeedLimit=100',
  'http.lowSpeedTime=30',
  'push.followTags=false',
  'push.gpgSign=false',
  'push.recurseSubmodules=no',
  'fetch.prune=false',
  'fetch.recurseSubmodules=false',
])

const USER_VARIABLES = [
  'HOME', 'USER', 'LOGNAME', 'XDG_CONFIG_HOME', 'XDG_RUNTIME_DIR', 'DBUS_SESSION_BUS_ADDRESS', 'SSH_AUTH_SOCK', 'SSH_AGENT_PID',
  'SSH_ASKPASS', 'GIT_ASKPASS', 'GIT_SSH', 'GIT_SSH_COMMAND', 'GIT_SSL_CAINFO', 'GIT_SSL_CAPATH', 'GNUPGHOME',
  'http_proxy', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY',
]

function shared(): Record<string, string> {
  return {
    ...picked(['PATH', 'TMPDIR']),
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh',
    GIT_PAGER: 'cat',
    GIT_EDITOR: 'false',
  }
}

function picked(names: readonly string[]): Record<string, string> {
  const entries: [string, string][] = []
  for (const name of names) {
    const value = process.env[name]
    if (value !== undefined) entries.push([name, value])
  }
  return Object.fromEntries(entries)
}

function configuration(settings: readonly string[]): readonly string[] {
  return settings.flatMap((setting) => ['-c', setting])
}
