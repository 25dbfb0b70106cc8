import { rename } from 'node:fs/promises'
import type { Oid } from '../../core/mod.ts'
import { makeBareRepository, makeFolder, makeWorkRepository, plainGit } from '../../testing/git-fixture.ts'
import { GitHttpServer } from '../../testing/git-http-server.ts'
import { describeRefStore } from '../../testing/ref-store-compliance.ts'
import type { PlantedObject, RefStoreBench } from '../../testing/ref-store-compliance.ts'
import { GitRefStore } from './ref-store.ts'
import { GitRepository } from './repository.ts'
import { writeObject } from './object-writer.ts'

/** Written as raw bytes: what a broken client may have pushed. */
const plant = async (gitDir: string, ref: string, object: PlantedObject): Promise<Oid> => {
  const tree = await writeObject(gitDir, 'tree', new Uint8Array())
  const parents = object.type === 'commit' ? object.parents.map((parent) => `parent ${parent}\n`).join('') : ''
  const body = object.type === 'blob' ? object.content : `tree ${tree}\n${parents}author a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\n${object.message}`
  const id = await writeObject(gitDir, object.type, Buffer.from(body))
  await plainGit(gitDir, 'update-ref', ref, id)
  return id
}

const bench = async (transport: 'bare path' | 'work tree path' | 'http'): Promise<RefStoreBench> => {
  const folder = await makeFolder()
  const remotes = folder.join('remotes')
  const path = folder.join('remotes', 'r')
  const server = new GitHttpServer(remotes)
  if (transport === 'work tree path') await makeWorkRepository(path, { 'a.txt': 'a\n' })
  else await makeBareRepository(path)
  if (transport === 'http') await server.start()
  const repositories: GitRepository[] = []
  return {
    open: async () => {
      const repository = new GitRepository({ folder: folder.join(`node-${repositories.length}`), remote: transport === 'http' ? server.url('r') : path, networkTimeoutMs: 20_000 })
      repositories.push(repository)
      const store = new GitRefStore(repository)
      await store.start()
      return store
    },
    plant: (ref, object) => plant(transport === 'work tree path' ? `${path}/.git` : path, ref, object),
    cut: async () => { if (transport === 'http') server.goAway(); else await rename(path, `${path}-gone`) },
    dispose: async () => {
      for (const repository of repositories) await repository.stop()
      await server.stop()
      await folder.remove()
    },
  }
}

describeRefStore('git on a bare path', () => bench('bare path'))
describeRefStore('git on a path with a work tree', () => bench('work tree path'))
describeRefStore('git over http', () => bench('http'))
