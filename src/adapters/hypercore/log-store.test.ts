import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { logStoreCompliance } from '../../testing/log-store-compliance.ts'
import { openHypercoreLog } from './mod.ts'

logStoreCompliance('the log store over Hypercore', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-test-log-'))
  return { open: () => openHypercoreLog({ folder }), dispose: () => rm(folder, { recursive: true, force: true }) }
})
