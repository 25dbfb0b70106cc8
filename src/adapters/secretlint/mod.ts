export { SecretlintScanner } from './scanner.ts'
