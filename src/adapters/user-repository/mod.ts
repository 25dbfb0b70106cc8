export { commitFiles, listOnDefaultBranch, openUserRepository, readOnDefaultBranch, workTreeFile, writeFiles } from './repository.ts'
export type { OwnCommit, UserRepository } from './repository.ts'
