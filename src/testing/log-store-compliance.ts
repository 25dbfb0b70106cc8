import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChorusError } from '../core/mod.ts'
import type { LogStore } from '../ports/mod.ts'

export interface LogStoreSubject {
  /** Opens the same log each time it is called; the suite closes what it opened. */
  open(): Promise<LogStore>
  dispose(): Promise<void>
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (data: Uint8Array): string => new TextDecoder().decode(data)

/** What every LogStore promises; each adapter and double runs it. */
export const logStoreCompliance = (name: string, create: () => Promise<LogStoreSubject>): void => {
  describe(`${name} keeps the log store's contract`, () => {
    let subject: LogStoreSubject
    let store: LogStore
    beforeEach(async () => {
      subject = await create()
      store = await subject.open()
    })
    afterEach(async () => {
      await store.close()
      await subject.dispose()
    })

    it('starts empty, with a key of 32 bytes and a root of 32 bytes', async () => {
      expect(store.length).toBe(0)
      expect(store.key.byteLength).toBe(32)
      expect((await store.treeHash()).byteLength).toBe(32)
    })

    it('numbers entries from 0 and reads back what was appended', async () => {
      expect(await store.append(bytes('one'))).toBe(0)
      expect(await store.append(bytes('two'))).toBe(1)
      expect(store.length).toBe(2)
      expect(text(await store.read(0))).toBe('one')
      expect(text(await store.read(1))).toBe('two')
    })

    it('keeps the order of the calls when many append at once', async () => {
      const indices = await Promise.all(Array.from({ length: 100 }, (_, number) => store.append(bytes(`entry ${number}`))))
      expect(indices).toEqual(Array.from({ length: 100 }, (_, number) => number))
      expect(text(await store.read(63))).toBe('entry 63')
    })

    it('owns the bytes it was given', async () => {
      const entry = bytes('mine')
      const done = store.append(entry)
      entry.fill(0)
      await done
      expect(text(await store.read(0))).toBe('mine')
    })

    it('gives a root for each prefix, which later entries do not change', async () => {
      await store.append(bytes('one'))
      const one = await store.treeHash()
      await store.append(bytes('two'))
      expect(await store.treeHash(1)).toEqual(one)
      expect(await store.treeHash(2)).toEqual(await store.treeHash())
      expect(await store.treeHash()).not.toEqual(one)
    })

    it('is the same log after close and open', async () => {
      const key = store.key
      await store.append(bytes('one'))
      const root = await store.treeHash()
      await store.close()
      store = await subject.open()
      expect(store.key).toEqual(key)
      expect(store.length).toBe(1)
      expect(await store.treeHash()).toEqual(root)
      expect(await store.append(bytes('two'))).toBe(1)
    })

    it('refuses to read an entry that it does not have', async () => {
      await store.append(bytes('one'))
      for (const index of [1, -1, 0.5]) await expect(store.read(index)).rejects.toBeInstanceOf(ChorusError)
    })

    it('refuses an empty entry and one over 1 MiB', async () => {
      await expect(store.append(new Uint8Array(0))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
      await expect(store.append(new Uint8Array(1024 * 1024 + 1))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
      expect(store.length).toBe(0)
    })

    it('refuses entries once it is closed, and closes twice without harm', async () => {
      await store.close()
      await store.close()
      await expect(store.append(bytes('late'))).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
    })
  })
}
