/**
 * The repository's name in task keys: the last part of its remote URL or path, without `.git`. Nodes agree on it when
 * they share the remote, so the caller gives the remote's URL where there is one and a folder's path only else.
 */
export const repositoryNameOf = (urlOrPath: string): string => {
  const withoutQuery = urlOrPath.trim().replace(/[?#].*$/, '')
  const parts = withoutQuery.replaceAll('\\', '/').replace(/\/+$/, '').replace(/\/\.git$/, '').split(/[/:]/)
  const name = (parts.at(-1) ?? '').replace(/\.git$/, '').replaceAll(/[^A-Za-z0-9._-]+/g, '-').replaceAll(/^[-.]+|[-.]+$/g, '').slice(0, 100)
  return name === '' ? 'repository' : name
}
