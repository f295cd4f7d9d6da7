"""What can be given: the catalogue of rewards, vouchers, promo codes and printed coupons."""
