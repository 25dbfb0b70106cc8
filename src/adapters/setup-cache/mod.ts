export { DiskSetupCache } from './disk-setup-cache.ts'
