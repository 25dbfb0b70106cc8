import { existsSync } from 'node:fs'
import { ChorusError } from '../../core/mod.ts'
import type { Egress, EgressGate } from '../../ports/mod.ts'
import { systemResolve } from './addresses.ts'
import type { Resolve } from './addresses.ts'
import { openGate } from './gate.ts'
import type { GateCounts } from './gate.ts'
import type { ModelUpstream } from './model-rules.ts'

export interface EgressOptions {
  /** The package registry that set-up may reach. Default: npm's. Credentials in the address are not used. */
  readonly registry?: string | undefined
  /** Others besides it, as `https://host[:port]`. */
  readonly furtherRegistries?: readonly string[] | undefined
  /** Whether a registry's host *name* may resolve to a private address. An address or `localhost` is meant as written. */
  readonly registryAllowPrivate?: boolean | undefined
  readonly model?: ModelUpstream | undefined
  /** Where socket folders are made; short, since a socket's path has at most 107 bytes. Default: the system's. */
  readonly folder?: string | undefined
  /** Whom the sandbox's programs run as, when we are root: nobody else may use a gate. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  readonly resolve?: Resolve | undefined
}

export const NPM_REGISTRY = 'https://registry.npmjs.org/'

/**
 * The ways out of a sandbox over unix sockets; names are resolved and connections made on this side only. The gates are
 * loaded when one is opened: their TLS would stay in the memory of every idle node.
 */
export class HttpEgress implements Egress {
  readonly #options: EgressOptions

  constructor(options: EgressOptions) { this.#options = options }

  async openRegistry(_spec: { readonly label: string }): Promise<EgressGate> {
    const { registryDestinations, registryServer } = await import('./registry-gate.ts')
    const counts = noCounts()
    const destinations = registryDestinations(this.#registryUrls(), this.#options.registryAllowPrivate === true)
    return openGate(registryServer({ destinations, resolve: this.#resolve() }, counts), counts, this.#options)
  }

  async openModel(spec: { readonly label: string; readonly tokensMax?: number | undefined }): Promise<EgressGate> {
    const upstream = this.#options.model
    if (upstream === undefined) throw new ChorusError('ENGINE_UNAVAILABLE', 'no model endpoint is configured', { setting: 'execution.model.endpoint' })
    if (!URL.canParse(upstream.endpoint) || !/^https?:$/.test(new URL(upstream.endpoint).protocol)) {
      throw new ChorusError('CONFIG_INVALID', 'the model endpoint must be an http or https address', { setting: 'execution.model.endpoint' })
    }
    const { modelServer } = await import('./model-gate.ts')
    const counts = noCounts()
    return openGate(modelServer({ upstream, resolve: this.#resolve(), tokensMax: spec.tokensMax }, counts), counts, this.#options)
  }

  /** For npm, pnpm and yarn, and for whatever honours the common proxy and certificate variables. */
  registryEnvironment(port: number): Readonly<Record<string, string>> {
    const proxy = `http://127.0.0.1:${port}`
    const registry = new URL(this.#registryUrls()[0])
    registry.username = ''
    registry.password = ''
    const certificates = CERTIFICATES.find((file) => existsSync(file))
    return {
      npm_config_registry: registry.href, npm_config_cache: '/tmp/npm', npm_config_audit: 'false', npm_config_fund: 'false', npm_config_update_notifier: 'false',
      YARN_NPM_REGISTRY_SERVER: registry.href, YARN_HTTP_PROXY: proxy, YARN_HTTPS_PROXY: proxy,
      HTTP_PROXY: proxy, HTTPS_PROXY: proxy, http_proxy: proxy, https_proxy: proxy,
      NO_PROXY: LOOPBACK, no_proxy: LOOPBACK,
      ...certificates === undefined ? {} : {
        NODE_EXTRA_CA_CERTS: certificates, SSL_CERT_FILE: certificates, CURL_CA_BUNDLE: certificates, GIT_SSL_CAINFO: certificates,
        REQUESTS_CA_BUNDLE: certificates, PIP_CERT: certificates, npm_config_cafile: certificates,
      },
    }
  }

  #registryUrls(): [string, ...string[]] {
    const { registry, furtherRegistries = [] } = this.#options
    return [registry === undefined || registry === '' ? NPM_REGISTRY : registry, ...furtherRegistries]
  }

  #resolve(): Resolve { return this.#options.resolve ?? systemResolve }
}

const noCounts = (): GateCounts => ({ allowed: 0, refused: 0, inputTokens: 0, outputTokens: 0 })
const LOOPBACK = '127.0.0.1,localhost,::1'
/** Where distributions keep the bundle; all below folders that the sandbox binds. */
const CERTIFICATES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/ssl/cert.pem', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/ca-bundle.pem']
