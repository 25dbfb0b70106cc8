import type { Row } from '../row.ts'
import { claimRow } from './claim.ts'
import { renewalsRow } from './renewals.ts'

export const ROWS: readonly Row[] = [claimRow, renewalsRow]
