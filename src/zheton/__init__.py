"""Zheton: wearable contactless payment with a one-time number for every debit.

`core` holds pure values and functions, `roles` the seven parties of a payment, `adapters` one
technology each, `apps` what a person starts. Imports point down only (ARCHITECTURE.md).
"""
