import { databaseContract } from '../../contract/database.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

describeOnEachEngine('Database', databaseContract);
