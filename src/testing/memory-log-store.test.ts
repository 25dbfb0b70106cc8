import { logStoreCompliance } from './log-store-compliance.ts'
import { MemoryLog, MemoryLogStore } from './memory-log-store.ts'

logStoreCompliance('the log store in memory', () => {
  const log = new MemoryLog()
  return Promise.resolve({ open: () => Promise.resolve(new MemoryLogStore(log)), dispose: () => Promise.resolve() })
})
