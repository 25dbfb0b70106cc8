import { describe, expect, it } from 'vitest'
import { OWN_RULES } from './rules.ts'

const LONG = 'aB3dE5fG7hJ9kL2mN4pQ6rS8tU1vW3xY5zA7bC9d'
const HEX = '0123456789abcdef'.repeat(4)

/** At least one for every expression, in the case that is the hardest to hint at. */
const SAMPLES: readonly string[] = [
  `-----BEGIN RSA PRIVATE KEY-----\n${LONG}\n-----END RSA PRIVATE KEY-----`, `chorus-1-${LONG}`,
  `/key/swarm/psk/1.0.0/\n/base16/\n${HEX}`, `SWARM_KEY=${HEX}`, `Swarm-Key: ${HEX}`, `swarmkey: ${HEX}`, `PSK: "${HEX}"`,
  `eyJ${LONG}.eyJ${LONG}.${LONG}`, `BEARER ${LONG}`, `Proxy-Authorization: Basic ${LONG}`, `Authorization: ${LONG}`,
  ...['ya29.', 'ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_', 'glpat-', 'gldt-', 'glrt-', 'gloas-', '1//0'].map((start) => start + LONG),
  `sk-proj-${LONG}`, `AKIA${'A1B2'.repeat(4)}`, `ASIA${'A1B2'.repeat(4)}`, `AIza${LONG.slice(0, 35)}`,
  `API_KEY=${LONG}`, `Client-Secret: ${LONG}`, `Encryption_Key_Id = ${LONG}`, `ACCESS_TOKEN=${LONG}`, `_authToken=${LONG}`, `_auth=${LONG}`, `SECRET: ${LONG}`,
  'Password: "hunter22x"', 'PASSWD = hunter22', 'passPhrase=hunter22', 'PWD: hunter22', 'DBPASS=hunter22', 'DB_PASSWD=hunter22',
  'HTTPS://anna:geheim9@host/', `ssh://${LONG}@host/`,
]

describe('hints of the rules', () => {
  it('are in every text that the rule finds something in', () => {
    const found = SAMPLES.map((sample) => OWN_RULES.filter((rule) => [...rule.find(`in ${sample} here`)].length > 0))
    expect(SAMPLES.filter((_, index) => found[index]?.length === 0)).toEqual([])
    expect(OWN_RULES.filter((rule) => !found.some((rules) => rules.includes(rule))).map(({ name }) => name)).toEqual([])
    const missed = SAMPLES.flatMap((sample, index) => (found[index] ?? [])
      .filter(({ hints }) => hints?.some((hint) => sample.toLowerCase().includes(hint)) === false).map(({ name }) => `${name}: ${sample}`))
    expect(missed).toEqual([])
  })
})
