//! A sample program: accounts with an overdraft limit.

use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq)]
enum Refused {
    NoSuchAccount,
    LimitExceeded,
}

#[derive(Debug, Clone, Default)]
struct Account {
    balance: i64,
    limit: i64,
    n_bookings: usize,
}

#[derive(Debug, Default)]
struct Ledger {
    accounts: BTreeMap<String, Account>,
    fee: i64,
}

impl Ledger {
    fn open(&mut self, name: &str, limit: i64) {
        self.accounts.insert(name.to_owned(), Account { limit, ..Account::default() });
    }

    fn deposit(&mut self, name: &str, amount: i64) -> Result<i64, Refused> {
        let account = self.accounts.get_mut(name).ok_or(Refused::NoSuchAccount)?;
        account.balance += amount;
        account.n_bookings += 1;
        Ok(account.balance)
    }

    fn withdraw(&mut self, name: &str, amount: i64) -> Result<i64, Refused> {
        let fee = self.fee;
        let account = self.accounts.get_mut(name).ok_or(Refused::NoSuchAccount)?;
        let total = amount + fee;
        if account.balance - total < -account.limit {
            return Err(Refused::LimitExceeded);
        }
        account.balance -= total;
        account.n_bookings += 1;
        Ok(account.balance)
    }

    fn transfer(&mut self, from: &str, to: &str, amount: i64) -> Result<(), Refused> {
        if !self.accounts.contains_key(to) {
            return Err(Refused::NoSuchAccount);
        }
        self.withdraw(from, amount)?;
        self.deposit(to, amount)?;
        Ok(())
    }

    fn richest(&self) -> Option<&str> {
        self.accounts.iter().max_by_key(|(_, account)| account.balance).map(|(name, _)| name.as_str())
    }

    fn overdrawn(&self) -> Vec<&str> {
        let poor = self.accounts.iter().filter(|(_, account)| account.balance < 0);
        poor.map(|(name, _)| name.as_str()).collect()
    }

    fn is_idle(&self, name: &str) -> bool {
        self.accounts.get(name).is_none_or(|account| account.n_bookings == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        let mut ledger = Ledger { fee: 1, ..Ledger::default() };
        ledger.open("ada", 100);
        ledger.open("bob", 0);
        ledger
    }

    #[test]
    fn a_withdrawal_costs_a_fee_and_stops_at_the_limit() {
        let mut ledger = ledger();
        assert_eq!(ledger.withdraw("ada", 99), Ok(-100));
        assert_eq!(ledger.withdraw("ada", 0), Err(Refused::LimitExceeded));
        assert_eq!(ledger.overdrawn(), ["ada"]);
    }

    #[test]
    fn a_transfer_moves_the_amount_from_one_to_the_other() {
        let mut ledger = ledger();
        assert_eq!(ledger.deposit("bob", 50), Ok(50));
        assert_eq!(ledger.transfer("bob", "ada", 20), Ok(()));
        assert_eq!((ledger.accounts["ada"].balance, ledger.accounts["bob"].balance), (20, 29));
        assert_eq!(ledger.richest(), Some("bob"));
        assert_eq!(ledger.transfer("bob", "eve", 1), Err(Refused::NoSuchAccount));
    }

    #[test]
    fn an_account_without_bookings_is_idle() {
        let mut ledger = ledger();
        assert!(ledger.is_idle("ada"));
        ledger.deposit("ada", 5).unwrap();
        assert!(!ledger.is_idle("ada"));
    }
}
