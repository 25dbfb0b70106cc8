import path from 'node:path'

/** Where the parts of a log lie in its folder. */
export const corePath = (folder: string): string => path.join(folder, 'core')
export const journalPath = (folder: string): string => path.join(folder, 'journal')
export const headPath = (folder: string): string => path.join(folder, 'head')
/** The node's signed word for the log; written by the audit log through `headFile`. */
export const signedHeadPath = (folder: string): string => path.join(folder, 'signed-head')
