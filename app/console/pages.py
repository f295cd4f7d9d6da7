"""The console's routes, noun by noun."""
from app.console import (
    approvals,
    audit_log,
    bearers,
    brands,
    coalition,
    customers,
    design,
    invitations,
    merging,
    operations,
    people,
    poster,
    products,
    program,
    program_closing,
    program_rules,
    program_try,
    programs,
    promos,
    reports,
    rewards,
    segments,
    session,
    settings,
    suspicions,
    today,
)

NOUNS = (session, today, suspicions, merging, bearers, customers, operations, programs, program, program_rules, program_try,
         program_closing, rewards, promos, products, approvals, segments, reports, design, poster, settings, people, coalition, invitations,
         brands, audit_log)
routes = [route for noun in NOUNS for route in noun.routes]
